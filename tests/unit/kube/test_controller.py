from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import structlog

from kube.controller import Controller, Done, RequeueAfter, Result, Stalled, Waiting
from kube.errors import Conflict
from kube.queue import KeyedQueue
from tests.support.waiting import eventually


@asynccontextmanager
async def running(
    reconcile: Callable[[str], Awaitable[Result]], workers: int = 4, drain_seconds: float = 5.0
) -> AsyncGenerator[Controller[str]]:
    queue = KeyedQueue[str]("test", base_seconds=0.001, max_seconds=0.01)
    controller = Controller("test", reconcile, workers, queue=queue, drain_seconds=drain_seconds)
    task = asyncio.create_task(controller.run())
    try:
        yield controller
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)


async def test_a_failure_is_tried_again_until_it_succeeds_and_logged_with_its_key() -> None:
    attempts: list[str] = []

    async def reconcile(key: str) -> Result:
        attempts.append(key)
        if len(attempts) < 4:
            raise RuntimeError("boom")
        return Done()

    with structlog.testing.capture_logs() as logs:
        async with running(reconcile) as controller:
            controller.queue.add("a")
            await eventually(lambda: len(attempts) == 4)
            await asyncio.sleep(0.05)
    assert attempts == ["a"] * 4
    failures = [entry for entry in logs if entry["event"] == "reconcile failed, trying again"]
    assert [(entry["key"], entry["exc_info"]) for entry in failures] == [("a", True)] * 3


async def test_a_conflict_is_tried_again_without_a_traceback() -> None:
    attempts: list[str] = []

    async def reconcile(key: str) -> Result:
        attempts.append(key)
        if len(attempts) == 1:
            raise Conflict(409, "Conflict", "PUT Pod a/b: 409")
        return Done()

    with structlog.testing.capture_logs() as logs:
        async with running(reconcile) as controller:
            controller.queue.add("a")
            await eventually(lambda: len(attempts) == 2)
    assert [(entry["event"], "exc_info" in entry) for entry in logs] == [("trying again", False)]


async def test_a_stalled_key_is_left_until_something_changes() -> None:
    attempts: list[str] = []

    async def reconcile(key: str) -> Result:
        attempts.append(key)
        raise Stalled("BadSpec", "a person must act")

    async with running(reconcile) as controller:
        controller.queue.add("a")
        await eventually(lambda: len(attempts) == 1)
        await asyncio.sleep(0.05)
        assert len(attempts) == 1
        controller.queue.add("a")
        await eventually(lambda: len(attempts) == 2)


@pytest.mark.parametrize("decision", [RequeueAfter(0.01), Waiting("NotYet", "wait", after=0.01)])
async def test_a_decision_to_look_again_is_followed(decision: RequeueAfter | Waiting) -> None:
    attempts: list[str] = []

    async def reconcile(key: str) -> Result:
        attempts.append(key)
        if len(attempts) > 1:
            return Done()
        if isinstance(decision, Waiting):
            raise decision
        return decision

    async with running(reconcile) as controller:
        controller.queue.add("a")
        await eventually(lambda: len(attempts) == 2)


async def test_one_key_is_never_worked_on_twice_at_once_but_others_are() -> None:
    active: list[str] = []
    most_of_one = most_of_all = rounds = 0

    async def reconcile(key: str) -> Result:
        nonlocal most_of_one, most_of_all, rounds
        active.append(key)
        most_of_one, most_of_all = max(most_of_one, active.count(key)), max(most_of_all, len(active))
        await asyncio.sleep(0.002)
        active.remove(key)
        rounds += 1
        return Done()

    async with running(reconcile) as controller:
        for _ in range(20):
            for key in "abc":
                controller.queue.add(key)
            await asyncio.sleep(0.001)
        await eventually(lambda: not active and not len(controller.queue))
    assert (most_of_one, most_of_all) == (1, 3)
    assert rounds >= 6


async def test_work_in_progress_ends_before_the_controller_does() -> None:
    started, release, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def reconcile(_: str) -> Result:
        started.set()
        await release.wait()
        finished.set()
        return Done()

    async with running(reconcile) as controller:
        controller.queue.add("a")
        await asyncio.wait_for(started.wait(), 5)
        asyncio.get_running_loop().call_later(0.05, release.set)
    assert finished.is_set()


async def test_work_that_does_not_end_is_cut_off_after_the_drain_time() -> None:
    started = asyncio.Event()
    cut = asyncio.Event()

    async def reconcile(_: str) -> Result:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()
        return Done()

    async with running(reconcile, drain_seconds=0.05) as controller:
        controller.queue.add("a")
        await asyncio.wait_for(started.wait(), 5)
    assert cut.is_set()
