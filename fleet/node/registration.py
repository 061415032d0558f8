"""The Node object and the heartbeats that keep it Ready."""

import asyncio
import os
import platform
from datetime import timedelta

import structlog

from fleet.node.addresses import SLOTS
from fleet.node.host import Host
from fleet.node.status import HOST_ADDRESS
from kube.errors import AlreadyExists, ApiError, NotFound, Unreachable
from kube.kinds import LEASE, NODE, Object

_log = structlog.get_logger(__name__)

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
HEARTBEAT_SECONDS = 10.0
STATUS_EVERY = timedelta(minutes=5)
"""How often the Node's status is written although nothing has changed in it; the Lease says that the node lives."""
_VERSION = "v1.35.3+process-node"


def node_name(cluster: str) -> str:
    """Name of the process node of a cluster."""
    return f"{cluster}-node"


def node_labels(cluster: str) -> dict[str, str]:
    """Labels that pods may select the node by."""
    return {
        "kubernetes.io/hostname": node_name(cluster),
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
    }


def node_status(now: str, since: str) -> Object:
    """Status of a healthy node.

    Args:
        now: time of the heartbeat.
        since: when it became ready.
    """
    pressures = ("MemoryPressure", "DiskPressure", "PIDPressure")
    conditions = [_condition(kind, "False", "NotMeasured", now, since) for kind in pressures]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    capacity = {"cpu": str(os.cpu_count()), "memory": f"{memory}Ki", "pods": str(len(SLOTS))}
    return {
        "conditions": [*conditions, _condition("Ready", "True", "ProcessNodeReady", now, since)],
        "addresses": [{"type": "InternalIP", "address": HOST_ADDRESS}],
        "capacity": capacity,
        "allocatable": capacity,
        "nodeInfo": _node_info(),
    }


async def register(host: Host, labels: dict[str, str]) -> None:
    """Create the Node, or find it, and make it Ready."""
    node: Object = {"metadata": {"name": host.name, "labels": labels}, "spec": {}}
    try:
        await host.api.create(NODE, node)
    except AlreadyExists:
        await host.api.patch(NODE, None, host.name, node)
    await _write_status(host, host.now())
    # Admission taints a new node as not ready, and a small fleet may run no controller that takes the taint away.
    await host.api.patch(NODE, None, host.name, {"spec": {"taints": None}})


async def keep_alive(host: Host, labels: dict[str, str]) -> None:
    """Send heartbeats until cancelled; a Node that somebody has deleted is registered again with the next status."""
    since, written = host.now(), host.clock()
    while True:
        try:
            await _renew_lease(host)
            if host.clock() - written >= STATUS_EVERY:
                await _write_status(host, since)
                written = host.clock()
        except NotFound:
            await _register_again(host, labels)
        except (ApiError, Unreachable) as error:
            _log.warning("heartbeat failed", node=host.name, reason=str(error))
        await asyncio.sleep(HEARTBEAT_SECONDS)


async def _register_again(host: Host, labels: dict[str, str]) -> None:
    try:
        await register(host, labels)
    except (ApiError, Unreachable) as error:
        _log.warning("registration failed", node=host.name, reason=str(error))


async def _write_status(host: Host, since: str) -> None:
    await host.api.patch(NODE, None, host.name, {"status": node_status(host.now(), since)}, "status")


async def _renew_lease(host: Host) -> None:
    renewed = host.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": host.name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": renewed}
    try:
        await host.api.patch(LEASE, LEASE_NAMESPACE, host.name, {"spec": spec})
    except NotFound:
        lease: Object = {"metadata": {"namespace": LEASE_NAMESPACE, "name": host.name}, "spec": spec}
        await host.api.create(LEASE, lease)


def _condition(kind: str, status: str, reason: str, now: str, since: str) -> Object:
    times = {"lastHeartbeatTime": now, "lastTransitionTime": since}
    return {"type": kind, "status": status, "reason": reason, "message": "process node", **times}


def _node_info() -> Object:
    return {
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
        "kernelVersion": platform.release(),
        "osImage": "process node",
        "containerRuntimeVersion": "bubblewrap://",
        "kubeletVersion": _VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": platform.machine(),
    }
