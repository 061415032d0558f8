"""Kubeconfig files with embedded credentials: one cluster, one user, one context named as the cluster."""

import base64
from pathlib import Path

import yaml

from files import durable
from fleet.clusters.pki import KeyPair


def kubeconfig(cluster: str, server: str, authority: bytes, user: str, certificate: bytes, key: bytes) -> str:
    """The text of a kubeconfig; `authority`, `certificate` and `key` are PEM."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}
        ],
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)},
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_kubeconfig(path: Path, cluster: str, server: str, authority: KeyPair, user: str, client: KeyPair) -> None:
    """Write the kubeconfig of `user`, unless the file says so already."""
    text = kubeconfig(
        cluster,
        server,
        authority.certificate.read_bytes(),
        user,
        client.certificate.read_bytes(),
        client.key.read_bytes(),
    )
    if not path.exists() or path.read_text() != text:
        durable.write(path, text, mode=0o600)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
