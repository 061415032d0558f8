"""What a fleet of a given size consists of: its clusters and etcds, their addresses, keys and kubeconfigs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.clusters.addresses import Addresses
from fleet.clusters.karmada import Karmada
from fleet.clusters.karmada_objects import AGGREGATED_SERVICE, NAMESPACE
from fleet.clusters.kubeconfig import write_kubeconfig
from fleet.clusters.kubernetes import SERVICE_ADDRESS, ClusterKeys, DeclaredCluster, Etcd, EtcdAccess
from fleet.clusters.pki import Identity, ensure_authority, ensure_certificate, ensure_signing_key
from fleet.layout import Layout
from fleet.state import CONTROL_PLANE, HOST, Role

LOOPBACK = ("localhost", "127.0.0.1")

_ETCD = "etcd"
_CONTROL_PLANE_ETCD = f"{CONTROL_PLANE}-etcd"


class OlderFleet(Exception):
    """The fleet's directory was made for another arrangement of its processes."""


@dataclass(frozen=True)
class DeclaredFleet:
    """Everything that is to run, with its files written."""

    etcds: Sequence[Etcd]
    """One for the host and the members, and the control plane's own: it can be lost, filled and restored alone."""
    clusters: Sequence[DeclaredCluster]
    """Host, control plane, then the members."""
    karmada: Karmada

    @property
    def control_plane(self) -> DeclaredCluster:
        """The Karmada API."""
        return next(cluster for cluster in self.clusters if cluster.role == CONTROL_PLANE)


def member_names(count: int) -> tuple[str, ...]:
    """The names of `count` members."""
    return tuple(f"member{number}" for number in range(1, count + 1))


def member_count(names: Sequence[str]) -> int:
    """How many members a fleet with clusters of these names has."""
    return max((int(name[6:]) for name in names if re.fullmatch(r"member\d+", name)), default=0)


def declare(layout: Layout, members: int) -> DeclaredFleet:
    """Choose addresses and write keys, certificates and kubeconfigs, where they are not there yet.

    Raises OlderFleet for a directory of a fleet whose control plane has its objects in the etcd of all others.
    """
    addresses = Addresses(layout.addresses_file)
    if addresses.has_port(_ETCD) and not addresses.has_port(_CONTROL_PLANE_ETCD):
        msg = f"{layout.root} was made by an older version, whose clusters all had one etcd: `clean` it, then `up`"
        raise OlderFleet(msg)
    own, shared = (_etcd(layout, addresses, name) for name in (_CONTROL_PLANE_ETCD, _ETCD))
    roles: dict[str, Role] = {HOST: "host", CONTROL_PLANE: "control-plane"}
    roles |= dict.fromkeys(member_names(members), "member")
    clusters = [
        _cluster(layout, addresses, name, role, own if role == CONTROL_PLANE else shared)
        for name, role in roles.items()
    ]
    return DeclaredFleet((own, shared), clusters, _karmada(layout, addresses, clusters[1]))


def _etcd(layout: Layout, addresses: Addresses, name: str) -> Etcd:
    directory = layout.pki(name)
    authority = ensure_authority(directory, "ca", f"{name}-ca")
    server = ensure_certificate(authority, directory, "server", Identity("etcd", hosts=LOOPBACK))
    client = ensure_certificate(authority, directory, "client", Identity("api-server"))
    return Etcd(
        name=name,
        data=layout.etcd_data(name),
        peer_port=addresses.port(f"{name}-peer"),
        health_port=addresses.port(f"{name}-health"),
        server=server,
        access=EtcdAccess(f"https://127.0.0.1:{addresses.port(name)}", authority.certificate, client),
    )


def _cluster(layout: Layout, addresses: Addresses, name: str, role: Role, etcd: Etcd) -> DeclaredCluster:
    keys = _cluster_keys(layout.pki(name), name)
    cluster = DeclaredCluster(
        name=name,
        role=role,
        port=addresses.port(f"{name}-apiserver"),
        controller_manager_port=addresses.port(f"{name}-controller-manager"),
        keys=keys,
        etcd=etcd,
        kubeconfig=layout.kubeconfig(name),
        address_index=None if role == CONTROL_PLANE else addresses.index(name),
        controller_manager_kubeconfig=layout.component_kubeconfig(name, "controller-manager"),
    )
    _write_client(layout, cluster, cluster.kubeconfig, Identity("admin", ("system:masters",)))
    _write_client(layout, cluster, cluster.controller_manager_kubeconfig, Identity("system:kube-controller-manager"))
    return cluster


def _cluster_keys(directory: Path, name: str) -> ClusterKeys:
    authority = ensure_authority(directory, "ca", f"{name}-ca")
    front_proxy_authority = ensure_authority(directory, "front-proxy-ca", f"{name}-front-proxy-ca")
    api_names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", SERVICE_ADDRESS)
    return ClusterKeys(
        authority=authority,
        front_proxy_authority=front_proxy_authority,
        front_proxy=ensure_certificate(front_proxy_authority, directory, "front-proxy", Identity("front-proxy-client")),
        server=ensure_certificate(
            authority, directory, "apiserver", Identity("kube-apiserver", hosts=(*LOOPBACK, *api_names))
        ),
        controller_manager=ensure_certificate(
            authority, directory, "controller-manager-server", Identity("kube-controller-manager", hosts=LOOPBACK)
        ),
        signing=ensure_signing_key(directory),
    )


def _karmada(layout: Layout, addresses: Addresses, cluster: DeclaredCluster) -> Karmada:
    directory = layout.pki(cluster.name)
    authority = cluster.keys.authority
    kubeconfig = layout.component_kubeconfig(cluster.name, "karmada")
    _write_client(layout, cluster, kubeconfig, Identity("system:karmada", ("system:masters",)))
    service = Identity(AGGREGATED_SERVICE, hosts=(*LOOPBACK, f"{AGGREGATED_SERVICE}.{NAMESPACE}.svc"))
    aggregated = ensure_certificate(authority, directory, "aggregated-apiserver", service)
    webhook = ensure_certificate(authority, directory / "webhook", "tls", Identity("karmada-webhook", hosts=LOOPBACK))
    return Karmada(
        kubeconfig=kubeconfig,
        aggregated_port=addresses.port("karmada-aggregated-apiserver"),
        aggregated=aggregated,
        webhook_port=addresses.port("karmada-webhook"),
        webhook_health_port=addresses.port("karmada-webhook-health"),
        webhook_certificates=webhook.certificate.parent,
        controller_manager_health_port=addresses.port("karmada-controller-manager-health"),
        scheduler_health_port=addresses.port("karmada-scheduler-health"),
    )


def _write_client(layout: Layout, cluster: DeclaredCluster, path: Path, identity: Identity) -> None:
    """A kubeconfig for `identity`; its certificate lies in the cluster's PKI under the user's name."""
    authority = cluster.keys.authority
    name = identity.common_name.removeprefix("system:")
    client = ensure_certificate(authority, layout.pki(cluster.name), name, identity)
    user = f"{cluster.name}-{name}"
    write_kubeconfig(path, cluster.name, cluster.server, authority, user, client)
