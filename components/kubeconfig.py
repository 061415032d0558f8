"""Reading a kubeconfig: where a cluster is and which authority vouches for it. Pure."""

from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class ClusterAddress:
    """Where a cluster's API server is."""

    server: str
    """URL."""
    ca_bundle: str
    """Certificates that sign the server's, PEM as base64."""


def cluster_address(kubeconfig: str, context: str | None = None) -> ClusterAddress:
    """The address in `kubeconfig` (YAML text) under `context`, by default the current one.

    Raises:
        ValueError: the text is no kubeconfig, lacks the context, or does not hold the authority itself.
    """
    config: dict[str, Any] | str | None = yaml.safe_load(kubeconfig)
    if not isinstance(config, dict):
        raise ValueError("not a kubeconfig: expected the file's contents, as YAML")
    chosen = context or config.get("current-context") or ""
    cluster = _named(config, "cluster", _named(config, "context", chosen)["cluster"])
    if "certificate-authority-data" not in cluster:
        raise ValueError(
            f"kubeconfig context {chosen!r} has no certificate-authority-data: "
            "write the certificates into it with `kubectl config view --flatten --minify`"
        )
    return ClusterAddress(cluster["server"], cluster["certificate-authority-data"])


def _named(config: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    entries: list[dict[str, Any]] = config.get(f"{kind}s") or []
    for entry in entries:
        if entry.get("name") == name:
            return entry[kind]
    known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
    raise ValueError(f"kubeconfig has no {kind} {name!r}; it has: {known}")
