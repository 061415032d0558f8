"""Tools that a thread makes while other work goes on."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fleet.toolchain.background import made_in_background
from fleet.toolchain.commands import Commands, CommandsEnded
from fleet.toolchain.golang import GoError
from fleet.toolchain.tools import cache_directory, ensure_tools
from tests.unit.fleet.toolchain.machine import Machine, Recorder


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_tools_are_made_while_other_work_goes_on(machine: Machine, progress: Recorder) -> None:
    with made_in_background(["etcd"], progress) as tools_made:
        assert tools_made() == {"etcd": cache_directory("cluster") / "etcd"}


def test_a_build_that_fails_meanwhile_fails_where_it_is_waited_for(machine: Machine, progress: Recorder) -> None:
    machine.install_go(ending="exit 1")
    with made_in_background(["etcd"], progress) as tools_made, pytest.raises(GoError, match="Run the same again"):
        tools_made()


def test_a_build_ends_with_the_work_that_it_was_made_for(machine: Machine, progress: Recorder, tmp_path: Path) -> None:
    compiler = tmp_path / "compiler.pid"
    scratch = tmp_path / "scratch"
    writes = f"echo $GOTMPDIR > {scratch}; touch $GOTMPDIR/object"
    compiles = f"sleep 600 & echo $! > {compiler}.new; mv {compiler}.new {compiler}; wait"
    machine.install_go(ending=f"{writes}; {compiles}")

    def interrupted() -> None:
        with made_in_background(["etcd"], progress):
            until(compiler.exists, "the build runs")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    pid = int(compiler.read_text())
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "all has ended")
    assert not (cache_directory("cluster") / "etcd").exists()
    assert not Path(scratch.read_text().strip()).exists()


def test_nothing_is_started_any_more_once_the_work_was_ended(machine: Machine, progress: Recorder) -> None:
    commands = Commands()
    commands.end()
    with pytest.raises(CommandsEnded, match="is not started"):
        ensure_tools(["etcd"], progress, commands)
    assert machine.builds == []
