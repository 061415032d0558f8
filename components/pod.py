"""Parts of a pod's specification that all our pods share: restricted security, resources, environment, probes."""

from typing import Any, Final

import pulumi_kubernetes as k8s

USER: Final = 65532
"""User and group of all our processes: agent and MCP server share files, so they share it."""

POD_SECURITY: Final[k8s.core.v1.PodSecurityContextArgsDict] = {
    "run_as_non_root": True,
    "run_as_user": USER,
    "run_as_group": USER,
    "fs_group": USER,
    "seccomp_profile": {"type": "RuntimeDefault"},
}

CONTAINER_SECURITY: Final[k8s.core.v1.SecurityContextArgsDict] = {
    "allow_privilege_escalation": False,
    "read_only_root_filesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def resources(*, memory_limit: str) -> k8s.core.v1.ResourceRequirementsArgsDict:
    """A container's share of its node: little is reserved, memory is limited, the CPU is not."""
    return {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": memory_limit}}


def env(values: dict[str, Any], fields: dict[str, str]) -> list[k8s.core.v1.EnvVarArgsDict]:
    """Environment: fixed `values`, and `fields` of the pod itself."""
    fixed: list[k8s.core.v1.EnvVarArgsDict] = [{"name": key, "value": value} for key, value in values.items()]
    return [*fixed, *({"name": key, "value_from": {"field_ref": {"field_path": path}}} for key, path in fields.items())]


def liveness(port: int | str, path: str = "/livez") -> k8s.core.v1.ProbeArgsDict:
    """Liveness over HTTP; patient, because a restart helps only what hangs for good."""
    return {
        "http_get": {"path": path, "port": port},
        "period_seconds": 10,
        "timeout_seconds": 3,
        "failure_threshold": 6,
    }


def readiness(port: int | str) -> k8s.core.v1.ProbeArgsDict:
    """Readiness over HTTP."""
    return {"http_get": {"path": "/readyz", "port": port}, "period_seconds": 5, "timeout_seconds": 3}
