"""Kubeconfigs as values: parsed from YAML, one context of it chosen, and composed. Pure, and needs PyYAML alone."""

from collections.abc import Mapping
from typing import Any, cast

import yaml


class Entry:
    """One context of a kubeconfig, with the fields of the cluster and of the user that it names."""

    def __init__(self, config: Mapping[str, Any], context: str | None = None) -> None:
        """Chooses `context` in `config`, by default the current one.

        Raises:
            ValueError: it is not there; the message lists what is.
        """
        self.context = context or str(config.get("current-context") or "")
        self._config = config
        self._names = _named(config, "context", self.context)

    @property
    def cluster(self) -> Mapping[str, Any]:
        """Address and TLS of the API server; ValueError if the cluster is not there."""
        return _named(self._config, "cluster", str(self._names.get("cluster")))

    @property
    def user(self) -> Mapping[str, Any]:
        """Credentials, empty if the context names no user; ValueError if the user is not there."""
        name = str(self._names.get("user") or "")
        return _named(self._config, "user", name) if name else {}


def parse(text: str | bytes) -> Mapping[str, Any]:
    """The contents of a kubeconfig file.

    Raises:
        ValueError: the text is no YAML, or no mapping.
    """
    try:
        parsed: object = yaml.safe_load(text)
    except yaml.YAMLError:
        # The parser's own text quotes the line, which may hold a token.
        raise ValueError("not valid YAML") from None
    if not isinstance(parsed, dict):
        raise ValueError("not a kubeconfig: expected the file's contents, as YAML")
    return cast("Mapping[str, Any]", parsed)


def compose(name: str, cluster: Mapping[str, Any], user_name: str, user: Mapping[str, Any]) -> dict[str, Any]:
    """A kubeconfig of one cluster and one user, in a context that is named as the cluster."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": user_name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user_name}}],
        "current-context": name,
    }


def _named(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    entries: list[Mapping[str, Any]] = config.get(f"{kind}s") or []
    for entry in entries:
        if entry.get("name") == name:
            return entry.get(kind) or {}
    known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
    raise ValueError(f"no {kind} {name!r}; it has: {known}")
