"""The control plane's etcd of a local fleet, as whoever operates it handles it: backed up, restored, filled, mended."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from fleet.clusters import command_lines
from fleet.clusters.declaration import declare, member_count
from fleet.lock import locked
from fleet.processes.supervisor import Supervisor
from fleet.toolchain.catalogue import STORE_TOOLS
from fleet.toolchain.tools import ensure_tools
from tests.support.federation import until
from tests.support.fleet import LocalFleet, Run, execute

API_SERVERS = ("control-plane-apiserver", "karmada-aggregated-apiserver")
"""Who keeps its objects there."""
CONTROLLERS = (
    "control-plane-controller-manager",
    "karmada-webhook",
    "karmada-controller-manager",
    "karmada-scheduler",
)
"""Who follows those objects, beside our own controllers."""

BUMP = ("--bump-revision=1000000000", "--mark-compacted")
"""Options of a restore after which nobody mistakes the restored store for the one that it has followed so far."""

_SECONDS = 60.0
_START_SECONDS = 180.0


class Store:
    """The control plane's etcd."""

    def __init__(self, fleet: LocalFleet) -> None:
        self._fleet = fleet
        self._layout = fleet.layout
        self._tools = ensure_tools(("etcd", *STORE_TOOLS))
        self._etcd = declare(fleet.layout, member_count(tuple(fleet.state.clusters))).control_plane.etcd
        self._process = command_lines.etcd_process(self._tools, self._etcd)

    async def back_up(self, file: Path) -> None:
        """Saves a snapshot."""
        await self._control("snapshot", "save", str(file))

    @asynccontextmanager
    async def stopped(self, *others: str) -> AsyncGenerator[None]:
        """Ends the process, and before it those that use it; starts them again after the block, in their order."""
        try:
            with self._supervisor() as supervisor:
                for name in others:  # they keep nothing, and an API server waits long for whoever watches
                    supervisor.records[name].signal(signal.SIGKILL)
                await asyncio.gather(*(supervisor.end(name) for name in others))
                await supervisor.end(self._process.name)
            yield
        finally:
            await asyncio.to_thread(self._fleet.command, "up", "--bare", seconds=_START_SECONDS)

    @asynccontextmanager
    async def limited(self, quota_bytes: int) -> AsyncGenerator[None]:
        """Has the process run with another quota during the block: two restarts."""
        small = dataclasses.replace(self._process, argv=(*self._process.argv, f"--quota-backend-bytes={quota_bytes}"))
        try:
            with self._supervisor() as supervisor:
                await supervisor.start(small)
            yield
        finally:
            with self._supervisor() as supervisor:
                await supervisor.start(self._process)

    async def restore(self, file: Path, *options: str) -> None:
        """Puts a snapshot in the place of what is stored. The process must not run."""
        flags = dict(flag[2:].split("=", 1) for flag in self._process.argv[1:] if "=" in flag)
        same = (f"--{name}={flags[name]}" for name in ("name", "initial-cluster", "initial-advertise-peer-urls"))
        shutil.rmtree(self._etcd.data)
        command = (str(self._tools["etcdutl"]), "snapshot", "restore", str(file), f"--data-dir={self._etcd.data}")
        (await execute(*command, *same, *options, seconds=_SECONDS)).succeeded()

    async def size(self) -> int:
        """How many bytes of the quota are taken."""
        (answer,) = json.loads(await self._control("endpoint", "status", "--write-out=json"))
        return answer["Status"]["dbSize"]

    async def alarms(self) -> str:
        """What etcd complains of; empty if nothing."""
        return (await self._control("alarm", "list")).strip()

    async def make_room(self) -> None:
        """What etcd's documentation says for a full store: forget old revisions, give their space back, disarm."""
        (answer,) = json.loads(await self._control("endpoint", "status", "--write-out=json"))
        await self._control("compact", str(answer["Status"]["header"]["revision"]), "--physical")
        await self._control("defrag")
        await self._control("alarm", "disarm")

    async def compact(self) -> None:
        """Forgets everything before a write of our own, which nobody has watched."""
        written = json.loads(await self._control("put", "/tests", "", "--write-out=json"))
        run = await self._run("compact", str(written["header"]["revision"]))
        assert not run.code or "has been compacted" in run.output, run.output  # somebody else may be quicker

    async def come_back_compacted(self) -> None:
        """Dies, and when it is back has nothing of what its API servers want to go on from."""
        process = self._fleet.process(self._process.name)
        assert process is not None
        process.kill()
        await until(lambda: (now := self._fleet.process(self._process.name)) and now.pid != process.pid, _SECONDS)
        async with asyncio.timeout(_SECONDS):
            while not await self.answers():  # noqa: ASYNC110  a process that starts has no event to set
                await asyncio.sleep(0.01)
        await self.compact()

    async def answers(self) -> bool:
        """Whether it can be written to."""
        try:
            await self._control("put", "/tests", "")
        except AssertionError:
            return False
        return True

    async def _control(self, *arguments: str) -> str:
        return (await self._run(*arguments)).succeeded().output

    async def _run(self, *arguments: str) -> Run:
        access = self._etcd.access
        identity = (f"--cacert={access.authority}", f"--cert={access.client.certificate}", f"--key={access.client.key}")
        command = (str(self._tools["etcdctl"]), f"--endpoints={access.url}", *identity, *arguments)
        return await execute(*command, seconds=_SECONDS)

    @contextmanager
    def _supervisor(self) -> Generator[Supervisor]:
        """Holds the fleet's lock, as whoever starts or ends its processes must: the keeper looks on meanwhile."""
        with locked(self._layout.lock_file, lambda _: None, _SECONDS):
            yield Supervisor(self._layout, lambda _: None)
