"""Reading a kubeconfig: where a cluster is and which authority vouches for it. Pure."""

from dataclasses import dataclass

from kube.kubeconfig import Entry, parse


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
    try:
        entry = Entry(parse(kubeconfig), context)
        cluster = entry.cluster
    except ValueError as error:
        raise ValueError(f"kubeconfig: {error}") from error
    if "certificate-authority-data" not in cluster:
        raise ValueError(
            f"kubeconfig context {entry.context!r} has no certificate-authority-data: "
            "write the certificates into it with `kubectl config view --flatten --minify`"
        )
    return ClusterAddress(cluster["server"], cluster["certificate-authority-data"])
