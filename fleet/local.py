"""The local fleet's life: up, down, clean. Every step does only what is not done yet, so each can be run again."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.clusters import command_lines
from fleet.clusters.declaration import DeclaredFleet, declare, member_count
from fleet.clusters.karmada_objects import karmada_objects
from fleet.clusters.karmada_startup import start_karmada
from fleet.clusters.kubernetes import DeclaredCluster
from fleet.layout import Layout
from fleet.lock import locked
from fleet.processes.limits import inotify_shortage
from fleet.processes.supervisor import Process, Supervisor
from fleet.progress import Progress
from fleet.state import CONTROL_PLANE, ClusterEntry, FleetState, read_state, update_state
from fleet.toolchain.catalogue import MANIFESTS

DEFAULT_MEMBERS = 2
_LOCK_SECONDS = 300.0


def up(layout: Layout, tools: Mapping[str, Path], members: int | None, progress: Progress) -> FleetState:
    """Bring the fleet to readiness and return what runs.

    `tools` are `CLUSTER_TOOLS`, made. `members` None means as many as there are, or `DEFAULT_MEMBERS`; a fleet only
    grows, so fewer than there are changes nothing.

    Raises:
        ProcessError, ApiError: whatever was started stays, for another `up` or a `down`.
    """
    with locked(layout.lock_file, progress.say, _LOCK_SECONDS):
        present = member_count(tuple(read_state(layout).clusters))
        if members is not None and members < present:
            progress.say(f"the fleet has {present} members and keeps them; only `clean` makes it smaller")
        fleet = declare(layout, max(present, members or (present or DEFAULT_MEMBERS)))
        _write_clusters(layout, fleet)
        supervisor = Supervisor(layout, progress.say)
        supervisor.acknowledge_crashes()
        _warn(fleet, tools, supervisor, progress)
        asyncio.run(_start(_Starting(layout, fleet, tools, supervisor, progress)))
        return read_state(layout)


def down(layout: Layout, progress: Progress) -> None:
    """End exactly what was started; the fleet's state stays for the next `up`."""
    with locked(layout.lock_file, progress.say, _LOCK_SECONDS):
        asyncio.run(Supervisor(layout, progress.say).end_all())


def clean(layout: Layout, progress: Progress) -> None:
    """End what runs and remove the fleet's directory, with everything that was stored in its clusters."""
    if not layout.addresses_file.exists():
        return
    down(layout, progress)
    # The file that marks a fleet's directory goes last, so that an interrupted removal can be run again.
    for path in sorted(layout.root.iterdir(), key=lambda path: path == layout.addresses_file):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    layout.root.rmdir()


def _warn(fleet: DeclaredFleet, tools: Mapping[str, Path], supervisor: Supervisor, progress: Progress) -> None:
    servers = [command_lines.api_server(tools, cluster) for cluster in fleet.clusters]
    if warning := inotify_shortage(sum(not supervisor.runs(server) for server in servers)):
        progress.say(warning)


def _write_clusters(layout: Layout, fleet: DeclaredFleet) -> None:
    entries = {
        cluster.name: ClusterEntry(
            role=cluster.role, kubeconfig=layout.relative(cluster.kubeconfig), server=cluster.server
        )
        for cluster in fleet.clusters
    }
    update_state(layout, {"clusters": entries})


@dataclass(frozen=True)
class _Starting:
    """One run of `up`: who starts what, with what."""

    layout: Layout
    fleet: DeclaredFleet
    tools: Mapping[str, Path]
    supervisor: Supervisor
    progress: Progress

    async def start(self, process: Process) -> None:
        if self.supervisor.runs(process):  # nobody needs to read about each of those
            await self.supervisor.start(process)
            return
        self.progress.begin(process.name)
        await self.supervisor.start(process)
        self.progress.end(process.name)


async def _start(starting: _Starting) -> None:
    fleet, tools = starting.fleet, starting.tools
    await asyncio.gather(*(starting.start(command_lines.etcd_process(tools, etcd)) for etcd in fleet.etcds))
    await asyncio.gather(*(_start_cluster(starting, cluster) for cluster in fleet.clusters))
    await starting.start(command_lines.publisher(starting.layout, fleet))
    await starting.start(command_lines.keeper(starting.layout))


async def _start_cluster(starting: _Starting, cluster: DeclaredCluster) -> None:
    await starting.start(command_lines.api_server(starting.tools, cluster))
    await starting.start(command_lines.controller_manager(starting.tools, cluster))
    if cluster.role == CONTROL_PLANE:
        await _start_karmada(starting)
    else:
        await starting.start(command_lines.node(cluster, starting.layout.node(cluster.name)))


async def _start_karmada(starting: _Starting) -> None:
    fleet, tools = starting.fleet, starting.tools
    authority = fleet.control_plane.keys.authority.certificate.read_bytes()
    shared = fleet.karmada
    objects = karmada_objects(tools[MANIFESTS], shared.webhook_url, shared.aggregated_port, authority)
    await start_karmada(
        shared.kubeconfig,
        objects,
        command_lines.karmada_servers(tools, fleet),
        command_lines.karmada_controllers(tools, fleet),
        starting.start,
    )
