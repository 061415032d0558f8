"""The fleet's processes as the supervisor takes them: command line, readiness, place in the order of stopping. Pure."""

import sys
from collections.abc import Mapping
from pathlib import Path

from fleet.clusters import karmada
from fleet.clusters import kubernetes as clusters
from fleet.clusters.declaration import DeclaredFleet
from fleet.clusters.kubernetes import DeclaredCluster, Etcd
from fleet.layout import REPOSITORY, Layout
from fleet.processes.health import Check, always_ready, http_ready, node_ready
from fleet.processes.supervisor import Process

STAGE_ETCD, STAGE_API, STAGE_CONTROLLERS, STAGE_NODES, STAGE_KEEPER = range(5)
"""Processes end in the order of falling stages: who would start others again first, pods next, the store last."""


def etcd_process(tools: Mapping[str, Path], etcd: Etcd) -> Process:
    """A store of API servers."""
    check = http_ready(f"http://127.0.0.1:{etcd.health_port}/readyz")
    return Process(etcd.name, clusters.etcd_argv(tools["etcd"], etcd), check, STAGE_ETCD)


def api_server(tools: Mapping[str, Path], cluster: DeclaredCluster) -> Process:
    """A cluster's API server."""
    argv = clusters.api_server_argv(tools["kube-apiserver"], cluster)
    check = http_ready(f"{cluster.server}/readyz", cluster.keys.authority.certificate)
    name = f"{cluster.name}-apiserver"
    return Process(name, argv, check, STAGE_API, clusters.MEMORY, deadline_seconds=120)


def controller_manager(tools: Mapping[str, Path], cluster: DeclaredCluster) -> Process:
    """A cluster's Kubernetes controllers."""
    argv = clusters.controller_manager_argv(tools["kube-controller-manager"], cluster)
    url = f"https://127.0.0.1:{cluster.controller_manager_port}/healthz"
    check = http_ready(url, cluster.keys.authority.certificate)
    name, inputs = f"{cluster.name}-controller-manager", (cluster.controller_manager_kubeconfig,)
    return Process(name, argv, check, STAGE_CONTROLLERS, clusters.MEMORY, inputs)


def karmada_servers(tools: Mapping[str, Path], fleet: DeclaredFleet) -> tuple[Process, ...]:
    """Karmada's aggregated API server and webhook."""
    shared, control_plane = fleet.karmada, fleet.control_plane
    authority = control_plane.keys.authority.certificate
    aggregated = karmada.aggregated_api_server_argv(
        tools["karmada-aggregated-apiserver"], shared, control_plane.etcd.access, control_plane.etcd_prefix
    )
    aggregated_ready = http_ready(f"https://127.0.0.1:{shared.aggregated_port}/readyz", authority)
    webhook = karmada.webhook_argv(tools["karmada-webhook"], shared)
    webhook_ready = http_ready(f"{shared.webhook_url}/readyz/", authority)
    return (
        _karmada("karmada-aggregated-apiserver", aggregated, aggregated_ready, shared.kubeconfig),
        _karmada("karmada-webhook", webhook, webhook_ready, shared.kubeconfig),
    )


def karmada_controllers(tools: Mapping[str, Path], fleet: DeclaredFleet) -> tuple[Process, ...]:
    """Karmada's controller manager and scheduler."""
    shared = fleet.karmada
    controllers = karmada.controller_manager_argv(tools["karmada-controller-manager"], shared)
    controllers_ready = http_ready(f"http://127.0.0.1:{shared.controller_manager_health_port}/healthz")
    scheduler = karmada.scheduler_argv(tools["karmada-scheduler"], shared)
    scheduler_ready = http_ready(f"http://127.0.0.1:{shared.scheduler_health_port}/healthz")
    return (
        _karmada("karmada-controller-manager", controllers, controllers_ready, shared.kubeconfig),
        _karmada("karmada-scheduler", scheduler, scheduler_ready, shared.kubeconfig),
    )


def _karmada(name: str, argv: tuple[str, ...], check: Check, kubeconfig: Path) -> Process:
    return Process(name, argv, check, STAGE_CONTROLLERS, clusters.MEMORY, (kubeconfig,))


def node(cluster: DeclaredCluster, root: Path) -> Process:
    """The process node of a cluster: runs its pods as local processes."""
    argv = (
        sys.executable,
        "-m",
        "fleet.node",
        f"--cluster={cluster.name}",
        f"--kubeconfig={cluster.kubeconfig}",
        f"--address-index={cluster.address_index}",
        f"--root={root}",
    )
    env = {"PYTHONPATH": str(REPOSITORY)}
    return Process(
        f"{cluster.name}-node", argv, node_ready(cluster.kubeconfig), STAGE_NODES, env, (cluster.kubeconfig,)
    )


def publisher(layout: Layout, fleet: DeclaredFleet) -> Process:
    """The process that keeps MCP endpoints and context directories in the fleet's state current."""
    members = ",".join(cluster.name for cluster in fleet.clusters if cluster.role == "member")
    argv = (sys.executable, "-m", "fleet.publisher", f"--root={layout.root}", f"--members={members}")
    return Process("publisher", argv, always_ready, STAGE_NODES, {"PYTHONPATH": str(REPOSITORY)})


def keeper(layout: Layout) -> Process:
    """The process that starts the others again when they end by themselves."""
    argv = (sys.executable, "-m", "fleet.processes.keeper", f"--root={layout.root}")
    return Process("keeper", argv, always_ready, STAGE_KEEPER, {"PYTHONPATH": str(REPOSITORY)})
