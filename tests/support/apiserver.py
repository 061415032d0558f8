"""A real kube-apiserver on a real etcd, as processes on loopback, for one test session.

RBAC and all default admission plugins are on. No controller manager runs: namespaces do not finish deleting, default
ServiceAccounts do not appear, nothing is garbage collected.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from fleet.toolchain.catalogue import CLUSTER_TOOLS
from fleet.toolchain.tools import ensure_tools
from tests.support.pki import Authority, private_pem

START_SECONDS = 90.0
_STOP_SECONDS = 10.0
_TAIL_LINES = 25


@dataclass(frozen=True)
class ApiServer:
    """A running API server."""

    server: str
    """Its URL."""
    kubeconfig: Path
    """With the rights of system:masters."""
    authority: Authority
    """Signs client certificates that the server accepts: common name is the user, organizations are the groups."""

    def kubeconfig_for(self, **user: Any) -> dict[str, Any]:
        """Contents of a kubeconfig for another user, such as `token="…"`."""
        return _kubeconfig(self.server, self.authority, user)

    def kubeconfig_with_certificate(self, name: str, *groups: str) -> dict[str, Any]:
        """Contents of a kubeconfig for a user with a client certificate."""
        pair = self.authority.issue(name, groups)
        return self.kubeconfig_for(
            **{"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}
        )


def find_tools(*names: str) -> Mapping[str, Path]:
    """The named programs, or those of clusters: from MCPFED_TOOLS, else those that the local fleet builds."""
    if directory := os.environ.get("MCPFED_TOOLS"):
        return {path.name: path for path in Path(directory).iterdir()}
    return ensure_tools(names or CLUSTER_TOOLS)


@contextmanager
def running_api_server(directory: Path, tools: Mapping[str, Path]) -> Generator[ApiServer]:
    """Starts etcd and an API server with all their files in `directory`, and ends both."""
    authority = Authority()
    etcd_port, peer_port, port = free_ports(3)
    token = secrets.token_hex(16)
    server = f"https://127.0.0.1:{port}"
    _write_files(directory, authority, token)
    with ExitStack() as processes:
        etcd = [
            tools["etcd"],
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{etcd_port}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd_port}",
            f"--listen-peer-urls=http://127.0.0.1:{peer_port}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer_port}",
            f"--initial-cluster=default=http://127.0.0.1:{peer_port}",
            "--unsafe-no-fsync",
        ]
        database = processes.enter_context(_running(etcd, directory / "etcd.log"))
        _await_ready(database, f"http://127.0.0.1:{etcd_port}/health", directory / "etcd.log")
        command = [tools["kube-apiserver"], *_flags(directory, etcd_port, port)]
        process = processes.enter_context(_running(command, directory / "kube-apiserver.log"))
        _await_ready(process, f"{server}/readyz", directory / "kube-apiserver.log", authority, token)
        kubeconfig = directory / "kubeconfig.yaml"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(server, authority, {"token": token})))
        yield ApiServer(server, kubeconfig, authority)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now."""
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in bound]


def _write_files(directory: Path, authority: Authority, token: str) -> None:
    pair = authority.issue("kube-apiserver", hosts=("127.0.0.1", "localhost", "kubernetes.default.svc"))
    (directory / "ca.crt").write_bytes(authority.certificate)
    (directory / "server.crt").write_bytes(pair.certificate)
    (directory / "server.key").write_bytes(pair.key)
    (directory / "service-accounts.key").write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1())))
    (directory / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')


def _flags(directory: Path, etcd_port: int, port: int) -> list[str]:
    service_accounts = directory / "service-accounts.key"
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={directory / 'server.crt'}",
        f"--tls-private-key-file={directory / 'server.key'}",
        f"--client-ca-file={directory / 'ca.crt'}",
        f"--token-auth-file={directory / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={service_accounts}",
        f"--service-account-signing-key-file={service_accounts}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # Nothing runs in this cluster that could need the endpoints of its API server.
        "--endpoint-reconciler-type=none",
    ]


def _kubeconfig(server: str, authority: Authority, user: Mapping[str, Any]) -> dict[str, Any]:
    cluster = {"server": server, "certificate-authority-data": _base64(authority.certificate)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": dict(user)}],
    }


@contextmanager
def _running(command: list[Any], log: Path) -> Generator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(
    process: subprocess.Popen[bytes], url: str, log: Path, authority: Authority | None = None, token: str = ""
) -> None:
    tls = ssl.create_default_context(cadata=authority.certificate.decode()) if authority else None
    if tls:
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    deadline = time.monotonic() + START_SECONDS
    while not _answers(request, tls):
        if process.poll() is not None or time.monotonic() > deadline:
            state = "has ended" if process.poll() is not None else f"is not ready after {START_SECONDS:.0f} s"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
            raise RuntimeError(f"{log.stem} {state}; the end of {log}:\n{tail}")
        time.sleep(0.05)


def _answers(request: urllib.request.Request, tls: ssl.SSLContext | None) -> bool:
    try:
        with urllib.request.urlopen(request, timeout=2, context=tls) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
