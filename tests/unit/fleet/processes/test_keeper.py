import signal
import time
from collections.abc import AsyncIterator

import pytest

from fleet.layout import Layout
from fleet.lock import locked
from fleet.processes.health import always_ready
from fleet.processes.keeper import Keeper
from fleet.processes.records import ProcessRecord, read_records
from fleet.processes.supervisor import Process, Supervisor
from fleet.state import read_state
from tests.support.waiting import eventually


@pytest.fixture
async def record(layout: Layout) -> AsyncIterator[ProcessRecord]:
    """A recorded process that was killed."""
    supervisor = Supervisor(layout, lambda _: None)
    await supervisor.start(Process("p", ("/bin/sleep", "600"), always_ready, 0))
    record = supervisor.records["p"]
    record.signal(signal.SIGKILL)
    await eventually(lambda: not record.alive)
    yield record
    await Supervisor(layout, lambda _: None).end_all()


def later(seconds: float) -> float:
    return time.time() + seconds


def test_an_ended_process_is_started_again_and_the_state_says_so(layout: Layout, record: ProcessRecord) -> None:
    Keeper(layout, clock=lambda: later(100)).look()

    now = read_records(layout)["p"]
    assert now.alive
    assert now.pid != record.pid
    assert now.crashes == 1
    assert read_state(layout).processes["p"].pid == now.pid


def test_nothing_is_started_while_somebody_starts_or_stops_the_fleet(layout: Layout, record: ProcessRecord) -> None:
    with locked(layout.lock_file, lambda _: None, 1):
        Keeper(layout, clock=lambda: later(100)).look()

    assert read_records(layout)["p"] == record


def test_a_process_that_ends_over_and_over_is_started_less_and_less_often(
    layout: Layout, record: ProcessRecord
) -> None:
    now = record.started
    keeper = Keeper(layout, clock=lambda: now)
    waits: list[float] = []
    for _ in range(4):
        began = now
        crashes = read_records(layout)["p"].crashes
        while read_records(layout)["p"].crashes == crashes:
            now += 0.25
            keeper.look()
        waits.append(now - began)
        again = read_records(layout)["p"]
        again.signal(signal.SIGKILL)
        while again.alive:
            time.sleep(0.01)

    assert waits == [0.75, 1.25, 2.25, 4.25]


async def test_the_next_start_reports_what_was_started_again_meanwhile(layout: Layout, record: ProcessRecord) -> None:
    record.log.write_text("panic: no luck\n")
    Keeper(layout, clock=lambda: later(100)).look()
    said: list[str] = []

    Supervisor(layout, said.append).acknowledge_crashes()
    Supervisor(layout, said.append).acknowledge_crashes()

    assert len(said) == 1
    assert "started again, 1 times" in said[0]
    assert "panic: no luck" in said[0]
