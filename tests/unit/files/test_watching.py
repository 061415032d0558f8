"""watch_files: every change is reported, and while nothing can be watched any change is."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from watchfiles import Change

from files import watching
from files.watching import FileChanges, watch_files
from tests.support.inotify import without_inotify

REPOSITORY = Path(__file__).parents[3]
DEADLINE = 20.0

LOOKING = """
import asyncio, sys
from pathlib import Path
from files.watching import watch_files

async def main() -> None:
    root, reported = Path(sys.argv[1]), asyncio.Queue()
    watching = asyncio.create_task(watch_files(root, reported.put_nowait, settle_millis=5, group_millis=50))
    assert [await asyncio.wait_for(reported.get(), 10) for _ in range(3)] == [None, None, None]
    watching.cancel()

asyncio.run(main())
"""


@asynccontextmanager
async def watched(root: Path) -> AsyncGenerator["asyncio.Queue[FileChanges | None]"]:
    reported: asyncio.Queue[FileChanges | None] = asyncio.Queue()
    task = asyncio.create_task(watch_files(root, reported.put_nowait, settle_millis=5, group_millis=50))
    try:
        yield reported
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_reports_any_change_when_the_watch_has_begun_and_then_what_changes(tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE), watched(tmp_path) as reported:
        assert await reported.get() is None
        (tmp_path / "a").write_text("a")
        changes = await reported.get()
        assert changes is not None
        assert (Change.added, str(tmp_path / "a")) in changes


async def test_a_name_that_is_not_text_is_any_change_and_the_watch_goes_on(tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE), watched(tmp_path) as reported:
        assert await reported.get() is None
        for name in (b"caf\xe9.md", b"\xff"):
            (tmp_path / os.fsdecode(name)).write_text("x")
            while await reported.get() is not None:
                pass
        (tmp_path / "a").write_text("a")
        while (str(tmp_path / "a")) not in {path for _, path in await reported.get() or ()}:
            pass


async def test_without_inotify_it_reports_any_change_again_and_again_and_names_the_limit(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *without_inotify(sys.executable, "-c", LOOKING, str(tmp_path)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 0, output.decode()
    assert "fs.inotify.max_user_instances" in output.decode()


async def test_it_watches_again_once_there_are_instances_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, failures = vars(watching)["awatch"], iter([RuntimeError("Too many open files (os error 24)")])

    def failing_once(*arguments: object, **options: object) -> object:
        for failure in failures:
            raise failure
        return watch(*arguments, **options)

    monkeypatch.setattr(watching, "awatch", failing_once)
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.001)
    async with asyncio.timeout(DEADLINE), watched(tmp_path) as reported:
        for _ in range(watching._LOOKS + 2):
            assert await reported.get() is None
        (tmp_path / "a").write_text("a")
        assert await reported.get() is not None
