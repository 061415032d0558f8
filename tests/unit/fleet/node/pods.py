"""Pods for tests."""

from typing import Any

from kube.kinds import Object


def a_pod(*containers: Object, **spec: Any) -> Object:
    """A pod named `web` with the given containers, or one named `main`."""
    metadata = {"name": "web", "namespace": "apps", "uid": "u1", "labels": {"b": "2", "a": "1"}, "generation": 1}
    status = {"podIP": "127.5.1.1", "podIPs": [{"ip": "127.5.1.1"}], "hostIP": "127.0.0.1"}
    return {"metadata": metadata, "spec": {"containers": list(containers) or [a_container()], **spec}, "status": status}


def a_container(name: str = "main", **spec: Any) -> Object:
    """A container of the project's image."""
    return {"name": name, "image": "mcp-federation:test", **spec}
