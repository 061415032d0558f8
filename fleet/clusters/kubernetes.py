"""The command lines of the etcds and of each cluster's API server and controller manager. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.clusters.pki import KeyPair
from fleet.state import Role

SERVICE_RANGE = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
"""The address of the Service `kubernetes` in each cluster: the first one of the range."""

MEMORY: Mapping[str, str] = {"GOGC": "50", "GOMEMLIMIT": "320MiB"}
"""Collect garbage earlier than Go does by default: a fleet is many processes on one machine."""

WORKLOAD_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)
"""What workloads, Services, ServiceAccounts, namespaces and ownership need in the host and the members."""

CONTROL_PLANE_CONTROLLERS = (
    "bootstrap-signer-controller",
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-token-controller",
    "token-cleaner-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)
"""What Karmada needs beside its own: no workload runs there, but objects own each other and namespaces end."""


@dataclass(frozen=True)
class EtcdAccess:
    """How an API server reaches etcd."""

    url: str
    authority: Path
    client: KeyPair

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that API servers of all makes share."""
        return (
            f"--etcd-servers={self.url}",
            f"--etcd-cafile={self.authority}",
            f"--etcd-certfile={self.client.certificate}",
            f"--etcd-keyfile={self.client.key}",
        )


@dataclass(frozen=True)
class Etcd:
    """One etcd: the store of one API server, or of several."""

    name: str
    data: Path
    """Its data directory: the state of the API servers that it serves."""
    peer_port: int
    health_port: int
    """Answers health checks and metrics without a certificate."""
    server: KeyPair
    access: EtcdAccess


@dataclass(frozen=True)
class ClusterKeys:
    """The key material of one cluster."""

    authority: KeyPair
    front_proxy_authority: KeyPair
    front_proxy: KeyPair
    server: KeyPair
    controller_manager: KeyPair
    """The serving certificate of the controller manager."""
    signing: KeyPair


@dataclass(frozen=True)
class DeclaredCluster:
    """One API server with its controller manager, as declared."""

    name: str
    role: Role
    port: int
    controller_manager_port: int
    keys: ClusterKeys
    etcd: Etcd
    """Where its objects are."""
    kubeconfig: Path
    """The administrator's."""
    controller_manager_kubeconfig: Path
    address_index: int | None
    """Its pods get the addresses 127.<index>.p.1; None where no pods run."""

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def etcd_prefix(self) -> str:
        """Where in its etcd this cluster's objects are."""
        return f"/{self.name}"


def etcd_argv(binary: Path, etcd: Etcd) -> tuple[str, ...]:
    """Its API servers alone have certificates of its authority; every write is synced to disk."""
    peer = f"http://127.0.0.1:{etcd.peer_port}"
    return (
        str(binary),
        f"--name={etcd.name}",
        f"--data-dir={etcd.data}",
        f"--listen-client-urls={etcd.access.url}",
        f"--advertise-client-urls={etcd.access.url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={etcd.name}={peer}",
        f"--listen-metrics-urls=http://127.0.0.1:{etcd.health_port}",
        "--client-cert-auth",
        f"--trusted-ca-file={etcd.access.authority}",
        f"--cert-file={etcd.server.certificate}",
        f"--key-file={etcd.server.key}",
        "--enable-grpc-gateway=false",
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    )


def api_server_argv(binary: Path, cluster: DeclaredCluster) -> tuple[str, ...]:
    """An API server with RBAC and default admission; the control plane leaves out what assumes that pods run there."""
    keys = cluster.keys
    return (
        str(binary),
        *cluster.etcd.access.flags,
        f"--etcd-prefix={cluster.etcd_prefix}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={cluster.port}",
        "--endpoint-reconciler-type=none",  # the kubernetes Service may not have a loopback endpoint
        "--authorization-mode=Node,RBAC",
        *_role_flags(cluster.role),
        f"--client-ca-file={keys.authority.certificate}",
        f"--tls-cert-file={keys.server.certificate}",
        f"--tls-private-key-file={keys.server.key}",
        f"--service-account-issuer={cluster.server}",
        f"--service-account-key-file={keys.signing.certificate}",
        f"--service-account-signing-key-file={keys.signing.key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--proxy-client-cert-file={keys.front_proxy.certificate}",
        f"--proxy-client-key-file={keys.front_proxy.key}",
        f"--requestheader-client-ca-file={keys.front_proxy_authority.certificate}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
    )


def _role_flags(role: Role) -> tuple[str, ...]:
    if role != "control-plane":
        return ()
    return (
        "--enable-bootstrap-token-auth=true",
        "--disable-admission-plugins=StorageObjectInUseProtection,ServiceAccount",
        # Propagation writes once per member: the default limits of 400 and 200 would queue it.
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
    )


def controller_manager_argv(binary: Path, cluster: DeclaredCluster) -> tuple[str, ...]:
    """The Kubernetes controllers that a cluster of this role needs, each with a ServiceAccount of its own."""
    controllers = CONTROL_PLANE_CONTROLLERS if cluster.role == "control-plane" else WORKLOAD_CONTROLLERS
    keys, kubeconfig = cluster.keys, cluster.controller_manager_kubeconfig
    return (
        str(binary),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={cluster.controller_manager_port}",
        f"--tls-cert-file={keys.controller_manager.certificate}",
        f"--tls-private-key-file={keys.controller_manager.key}",
        f"--controllers={','.join(controllers)}",
        f"--client-ca-file={keys.authority.certificate}",
        f"--root-ca-file={keys.authority.certificate}",
        f"--cluster-signing-cert-file={keys.authority.certificate}",
        f"--cluster-signing-key-file={keys.authority.key}",
        f"--service-account-private-key-file={keys.signing.key}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )
