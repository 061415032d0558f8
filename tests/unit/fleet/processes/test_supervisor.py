import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fleet.layout import Layout
from fleet.processes import supervisor as processes
from fleet.processes.health import always_ready
from fleet.processes.records import ProcessRecord, identity_of, read_records, write_records
from fleet.processes.supervisor import Process, ProcessError, Supervisor
from fleet.state import read_state
from tests.support.waiting import eventually

SLEEP = ("/bin/sleep", "600")


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


def process(argv: tuple[str, ...] = SLEEP, name: str = "p", stage: int = 0, marker: Path | None = None) -> Process:
    """A process that is ready when `marker` exists, or at once."""

    async def marked() -> str | None:
        return None if marker and os.path.exists(marker) else "no marker yet"  # noqa: ASYNC240, PTH110

    return Process(name, argv, marked if marker else always_ready, stage, deadline_seconds=5)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
async def supervisor(layout: Layout, said: list[str]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(layout, said.append)
    yield supervisor
    await supervisor.end_all()


async def test_a_started_process_is_ready_recorded_and_in_a_session_of_its_own(
    layout: Layout, supervisor: Supervisor, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    program = f"import pathlib, time; pathlib.Path({str(marker)!r}).touch(); time.sleep(600)"

    await supervisor.start(process(python(program), marker=marker))

    record = read_records(layout)["p"]
    assert record.alive
    assert os.getsid(record.pid) == record.pid
    assert read_state(layout).processes["p"].pid == record.pid


async def test_what_runs_already_is_left_alone(layout: Layout, supervisor: Supervisor, said: list[str]) -> None:
    await supervisor.start(process())
    pid = supervisor.records["p"].pid

    await Supervisor(layout, said.append).start(process())

    assert read_records(layout)["p"].pid == pid
    assert said == []


async def test_other_arguments_or_another_input_replace_the_running_process(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    pids: list[int] = []
    for argv, content in ((SLEEP, "a"), (("/bin/sleep", "601"), "a"), (("/bin/sleep", "601"), "b")):
        kubeconfig.write_text(content)
        await supervisor.start(Process("p", argv, always_ready, 0, inputs=(kubeconfig,)))
        pids.append(supervisor.records["p"].pid)

    assert len(set(pids)) == 3
    assert [identity_of(pid) for pid in pids[:2]] == [None, None]


async def test_a_process_that_ends_at_once_fails_with_the_end_of_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    program = "import sys; print('cannot bind'); sys.exit(3)"

    with pytest.raises(ProcessError, match=r"p ended before it was ready(.|\n)*cannot bind"):
        await supervisor.start(process(python(program), marker=tmp_path / "never"))


async def test_a_process_that_is_not_ready_in_time_fails_with_the_reason(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    slow = Process("p", SLEEP, process(marker=tmp_path / "never").check, 0, deadline_seconds=0.2)

    with pytest.raises(ProcessError, match=r"not ready after 0 s \(no marker yet\)"):
        await supervisor.start(slow)


async def test_a_process_that_ended_by_itself_is_started_again_and_its_last_words_are_reported(
    supervisor: Supervisor, said: list[str]
) -> None:
    await supervisor.start(process(python("print('panic: out of luck', flush=True); import time; time.sleep(600)")))
    first = supervisor.records["p"]
    await eventually(lambda: "out of luck" in first.log.read_text())
    first.signal(signal.SIGKILL)
    await eventually(lambda: not first.alive)

    await supervisor.start(process(first.argv))

    assert supervisor.records["p"].alive
    assert "p had ended by itself" in said[0]
    assert "panic: out of luck" in said[0]


async def test_a_running_process_that_does_not_answer_is_started_again(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    program = f"import pathlib, time; pathlib.Path({str(marker)!r}).touch(); time.sleep(600)"
    hanging = Process("p", python(program), process(marker=marker).check, 0, deadline_seconds=2)
    await supervisor.start(hanging)
    pid = supervisor.records["p"].pid
    marker.unlink()

    await supervisor.start(hanging)

    assert supervisor.records["p"].pid != pid
    assert "does not answer" in said[0]


async def test_a_restarted_process_is_another_one_with_the_same_arguments(supervisor: Supervisor) -> None:
    await supervisor.start(process())
    before = supervisor.records["p"]

    await supervisor.restart("p")

    after = supervisor.records["p"]
    assert after.alive
    assert not before.alive
    assert (after.argv, after.digest, after.stage) == (before.argv, before.digest, before.stage)


async def test_ending_takes_later_stages_first_and_forgets_what_has_ended(layout: Layout, said: list[str]) -> None:
    order: list[str] = []

    class Observed(Supervisor):
        async def end(self, name: str) -> None:
            order.append(name)
            await super().end(name)

    supervisor = Observed(layout, said.append)
    for name, stage in (("etcd", 0), ("node", 3), ("api", 1)):
        await supervisor.start(process(name=name, stage=stage))

    await supervisor.end_all()

    assert order == ["node", "api", "etcd"]
    assert read_records(layout) == {}
    assert read_state(layout).processes == {}


async def test_a_process_that_ignores_sigterm_is_killed_with_its_children(
    supervisor: Supervisor, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.3)
    child = tmp_path / "child"
    program = (
        "import pathlib, signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pid = subprocess.Popen(['/bin/sleep', '600']).pid; pathlib.Path({str(child)!r}).write_text(str(pid))\n"
        "time.sleep(600)"
    )
    await supervisor.start(process(python(program), marker=child))
    await eventually(lambda: child.read_text() != "")

    await supervisor.end("p")

    await eventually(lambda: identity_of(int(child.read_text())) is None)
    assert "is killed" in said[0]


async def test_a_stranger_with_a_recorded_id_is_not_touched(layout: Layout, said: list[str]) -> None:
    stranger = await asyncio.create_subprocess_exec(*SLEEP)
    log = layout.log("p")
    record = ProcessRecord(
        pid=stranger.pid, identity="other-boot:1", started=0, argv=SLEEP, env={}, log=log, digest="", stage=0
    )
    write_records(layout, {"p": record})

    await Supervisor(layout, said.append).end_all()

    assert stranger.returncode is None
    assert identity_of(stranger.pid) is not None
    assert read_records(layout) == {}
    stranger.kill()
    await stranger.wait()


async def test_a_process_gets_nothing_of_the_environment_but_what_it_needs(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", "secret")
    program = "import os, time; print(sorted(os.environ), os.environ['GOGC'], flush=True); time.sleep(600)"

    await supervisor.start(Process("p", python(program), always_ready, 0, {"GOGC": "50"}))

    log = supervisor.records["p"].log
    await eventually(lambda: "PATH" in log.read_text())
    assert "CLOUD_TOKEN" not in log.read_text()
    assert log.read_text().rstrip().endswith("50")


def test_an_ended_process_has_no_identity_and_a_running_one_keeps_its() -> None:
    pid = os.posix_spawn("/bin/true", ("true",), {})
    os.waitpid(pid, 0)

    assert identity_of(pid) is None
    assert identity_of(os.getpid()) == identity_of(os.getpid()) is not None
