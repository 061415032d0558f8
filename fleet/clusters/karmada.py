"""The command lines of Karmada's four processes. Pure."""

from dataclasses import dataclass
from pathlib import Path

from fleet.clusters.kubernetes import EtcdAccess
from fleet.clusters.pki import KeyPair

UNPROPAGATED_KINDS = "mcpfed.io/v1alpha1/FederatedContext,ContextRevision,ContextReplica"
"""Kinds that live on the control plane only: Karmada neither watches nor propagates them."""

_REQUEST_LIMITS = ("--kube-api-qps=1000", "--kube-api-burst=2000")


@dataclass(frozen=True)
class Karmada:
    """What Karmada's processes share."""

    kubeconfig: Path
    aggregated_port: int
    aggregated: KeyPair
    """Serving certificate of the aggregated API server; the aggregator verifies its Service's name."""
    webhook_port: int
    webhook_health_port: int
    webhook_certificates: Path
    """Directory with tls.crt and tls.key."""
    controller_manager_health_port: int
    scheduler_health_port: int

    @property
    def webhook_url(self) -> str:
        """URL that the API server calls for admission and conversion."""
        return f"https://127.0.0.1:{self.webhook_port}"


def aggregated_api_server_argv(binary: Path, karmada: Karmada, etcd: EtcdAccess, prefix: str) -> tuple[str, ...]:
    """The API server for the kind Cluster, which keeps its objects in etcd under `prefix`."""
    return (
        str(binary),
        f"--kubeconfig={karmada.kubeconfig}",
        f"--authentication-kubeconfig={karmada.kubeconfig}",
        f"--authorization-kubeconfig={karmada.kubeconfig}",
        *etcd.flags,
        f"--etcd-prefix={prefix}",
        "--bind-address=127.0.0.1",
        f"--secure-port={karmada.aggregated_port}",
        f"--tls-cert-file={karmada.aggregated.certificate}",
        f"--tls-private-key-file={karmada.aggregated.key}",
        *_REQUEST_LIMITS,
    )


def webhook_argv(binary: Path, karmada: Karmada) -> tuple[str, ...]:
    """Admission and conversion: without it policies are never scheduled."""
    return (
        str(binary),
        f"--kubeconfig={karmada.kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={karmada.webhook_port}",
        f"--cert-dir={karmada.webhook_certificates}",
        "--metrics-bind-address=0",
        f"--health-probe-bind-address=127.0.0.1:{karmada.webhook_health_port}",
        *_REQUEST_LIMITS,
    )


def controller_manager_argv(binary: Path, karmada: Karmada) -> tuple[str, ...]:
    """Karmada's controllers, tuned for many small updates and members that come and go."""
    return (
        str(binary),
        f"--kubeconfig={karmada.kubeconfig}",
        "--leader-elect=false",
        "--metrics-bind-address=0",
        f"--health-probe-bind-address=127.0.0.1:{karmada.controller_manager_health_port}",
        "--controllers=cluster,clusterStatus,binding,bindingStatus,execution,workStatus,namespace",
        f"--skipped-propagating-apis={UNPROPAGATED_KINDS}",
        "--enable-cluster-resource-modeling=false",
        # A member counts as lost after 4 s and as back after 1 s, so that healthy members are not held up by it.
        "--cluster-status-update-frequency=2s",
        "--cluster-success-threshold=1s",
        "--cluster-failure-threshold=4s",
        *_REQUEST_LIMITS,
        "--cluster-api-qps=1000",
        "--cluster-api-burst=2000",
        # All members share these workers: with the default of 5 one hanging member blocks the others.
        "--concurrent-work-syncs=300",
        "--concurrent-resourcebinding-syncs=20",
        "--concurrent-resource-template-syncs=20",
        # The default of 1000 s would be how long a member lags after it was away.
        "--rate-limiter-max-delay=5s",
    )


def scheduler_argv(binary: Path, karmada: Karmada) -> tuple[str, ...]:
    """Karmada's scheduler: which clusters a policy selects."""
    return (
        str(binary),
        f"--kubeconfig={karmada.kubeconfig}",
        "--leader-elect=false",
        "--metrics-bind-address=0",
        f"--health-probe-bind-address=127.0.0.1:{karmada.scheduler_health_port}",
        *_REQUEST_LIMITS,
    )
