"""A pod's volume is full, read-only or emptied: the status says so, nothing is lost, and nothing deleted elsewhere."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from api.condition import HALTED
from controllers.agent.holding import REASON_VOLUME_FAILED
from core.site.bookkeeping import BOOKKEEPING
from core.site.journal import Journal
from fleet.state import CONTROL_PLANE
from kube.kinds import POD
from tests.support.edits import Ledger, Write, Written, declaration_writer, editing, file_writer
from tests.support.federation import Context, Federation, document, until
from tests.support.figures import Figures
from tests.support.fleet import SERVER, LocalFleet, execute
from tests.support.fleet_fixtures import module_federation
from tests.support.recovery import recovered

__all__ = ["module_federation"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE = "2m"
CONTAINERS = ("controllers.agent", "controllers.server")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small_volume(fleet: LocalFleet, federation: Federation) -> AsyncGenerator[Path]:
    """The volume of the first member's pod: a small file system of its own."""
    if os.geteuid():
        pytest.skip("to mount a small file system takes root")
    member = fleet.members[0]
    await new_pod(federation, member)
    (volume,) = fleet.volumes(member).values()
    copy = volume.with_name("copy")
    shutil.copytree(volume, copy)
    await ran("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode={volume.stat().st_mode & 0o7777:o}", "none", str(volume))
    try:
        shutil.copytree(copy, volume, dirs_exist_ok=True)
        await restarted(fleet, member)
        yield volume
    finally:
        await ran("umount", "--lazy", str(volume))
        await new_pod(federation, member)


async def new_pod(federation: Federation, member: str) -> None:
    """The member's pod ends, and another takes its place."""
    before = set(federation.fleet.volumes(member))
    for pod in before:
        await federation.members[member].delete(POD, SERVER, pod)
    await until(lambda: (now := set(federation.fleet.volumes(member))) and not now & before, 60)
    async with asyncio.timeout(60):
        while not await federation.health(member):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def restarted(fleet: LocalFleet, member: str) -> None:
    """Both containers of a pod start anew, and find what is mounted there now."""
    before = {module: fleet.container(member, module) for module in CONTAINERS}
    for process in before.values():
        assert process is not None
        process.kill()
    await until(lambda: all((now := fleet.container(member, m)) and now != before[m] for m in CONTAINERS), 60)


async def ran(*command: str) -> str:
    return (await execute(*command, seconds=30)).succeeded().output


async def fill(volume: Path) -> Callable[[], Awaitable[None]]:
    """Writes until nothing more can be written; what is given mends that."""
    ballast = volume / "ballast"
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_without_end(ballast)

    async def mend() -> None:
        ballast.unlink()

    return mend


def write_without_end(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def write_protect(volume: Path) -> Callable[[], Awaitable[None]]:
    """Makes it read-only; what is given mends that."""
    async with asyncio.timeout(30):
        # As long as a file is open for writing, the kernel refuses.
        while (await execute("mount", "-o", "remount,ro", str(volume), seconds=30)).code:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
        (volume / "anything").touch()

    async def mend() -> None:
        await ran("mount", "-o", "remount,rw", str(volume))

    return mend


@pytest.mark.parametrize("fault", [fill, write_protect], ids=["full", "read-only"])
async def test_a_volume_that_cannot_be_written_is_told_and_catches_up_when_it_can(
    federation: Federation,
    figures: Figures,
    small_volume: Path,
    fault: Callable[[Path], Awaitable[Callable[[], Awaitable[None]]]],
) -> None:
    here, *others = federation.fleet.members
    async with federation.context() as context:
        items = await prepared(context, 3)
        incarnation = journal(small_volume, context).incarnation
        ledger = Ledger()
        sites = {member: file_writer(context, member) for member in others}
        sites["declared"] = declaration_writer(context, items)
        async with editing(ledger, {**sites, here: file_writer(context, here)}, items, per_second=5):
            await asyncio.sleep(1)
        async with editing(ledger, sites, items, per_second=5):
            mend = await fault(small_volume)
            try:
                await until(lambda: is_reported(context, here, REASON_VOLUME_FAILED), 30, context.explain)
                async with editing(ledger, {here: in_place_writer(context, here)}, items, per_second=5):
                    await asyncio.sleep(1)
            finally:
                await mend()
            healed = time.monotonic()
        await recovered(context, ledger, figures, healed)
        assert not context.status.exceptions
        assert journal(small_volume, context).incarnation == incarnation


async def test_an_emptied_directory_deletes_nothing_and_is_well_again_when_the_files_are_back(
    federation: Federation, figures: Figures, tmp_path: Path
) -> None:
    here = federation.fleet.members[0]
    async with federation.context() as context:
        items = await prepared(context, 5)
        directory, copy = context.path(here, "resources"), tmp_path / "copy"
        shutil.copytree(directory, copy)
        ledger = await emptied(federation, context, items, here)
        shutil.copytree(copy, directory)
        healed = time.monotonic()
        await recovered(context, ledger, figures, healed)
        assert set(context.texts) == set(items)
        assert not is_halted(context)


async def test_an_emptied_directory_deletes_everywhere_once_a_person_has_confirmed_that(
    federation: Federation, figures: Figures
) -> None:
    here = federation.fleet.members[0]
    async with federation.context() as context:
        items = await prepared(context, 5)
        ledger = await emptied(federation, context, items, here)
        command = ("confirm", context.name, here, "--namespace", SERVER, "--yes")
        kubeconfig = {**os.environ, "KUBECONFIG": str(federation.fleet.kubeconfig(CONTROL_PLANE))}
        run = await execute(sys.executable, "-m", "cli.main", *command, seconds=60, environment=kubeconfig)
        assert run.code == 0, run.output
        confirmed = time.monotonic()
        await until(lambda: set(context.texts) == {items[0]}, 30, context.explain)
        await recovered(context, ledger, figures, confirmed)
        assert not is_halted(context)


def in_place_writer(context: Context, member: str) -> Write:
    """Writes over what is in a file, which takes no more room; nothing is written where nothing can be."""
    root = context.path(member, "resources")

    async def write(item: str, text: str) -> Written:
        try:
            with (root / item).open("r+b", buffering=0) as file:
                file.write(text.encode())
        except OSError:
            return Written(member, is_certain=False)
        return Written(member)

    return write


async def emptied(federation: Federation, context: Context, items: list[str], here: str) -> Ledger:
    """All files of a context are removed in a member while others edit one item: the member halts, the others go on."""
    directory = context.path(here, "resources")
    sites = {member: file_writer(context, member) for member in federation.fleet.members if member != here}
    ledger = Ledger()
    async with editing(ledger, sites, items[:1], per_second=5):
        shutil.rmtree(directory)
        await until(lambda: is_halted(context) and is_reported(context, here, HALTED), 30, context.explain)
        enough = len(context.history) + 3
        await until(lambda: len(context.history) >= enough, 30, context.explain)
    assert set(context.texts) == set(items)
    assert not directory.exists()
    return ledger


async def prepared(context: Context, count: int) -> list[str]:
    items = [f"{context.name}/{number}" for number in range(count)]
    await context.declare([document(item, "first") for item in items])
    await context.settled()
    return items


def is_reported(context: Context, cluster: str, reason: str) -> bool:
    return any((e.cluster, e.reason) == (cluster, reason) for e in context.status.exceptions)


def is_halted(context: Context) -> bool:
    return any(c.type == HALTED and c.status == "True" for c in context.status.conditions)


def journal(volume: Path, context: Context) -> Journal:
    return Journal.model_validate_json((volume / BOOKKEEPING / context.name / "journal.json").read_bytes())
