from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kube.queue import KeyedQueue, ShutDown


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def queue_at(clock: Clock) -> KeyedQueue[str]:
    return KeyedQueue("test", clock=clock, random=Random(0))


def drained(queue: KeyedQueue[str]) -> list[str]:
    taken: list[str] = []
    while (key := queue.take()) is not None:
        taken.append(key)
    return taken


def test_equal_keys_merge_and_order_is_kept() -> None:
    queue = queue_at(Clock())
    for key in "abab":
        queue.add(key)
    assert drained(queue) == ["a", "b"]


def test_a_key_added_while_worked_on_comes_back_when_done() -> None:
    queue = queue_at(Clock())
    queue.add("a")
    assert queue.take() == "a"
    queue.add("a")
    queue.add("a")
    assert queue.take() is None
    queue.done("a")
    assert drained(queue) == ["a"]


def test_a_delayed_key_comes_at_its_time_and_once() -> None:
    clock = Clock()
    queue = queue_at(clock)
    queue.add_after("a", 5)
    queue.add_after("a", 2)
    queue.add_after("a", 9)
    clock.now = 1.9
    assert queue.take() is None
    clock.now = 100
    assert drained(queue) == ["a"]


def test_retries_wait_longer_each_time_until_forgotten() -> None:
    clock = Clock()
    queue = queue_at(clock)
    waits = [queue.retry("a") for _ in range(20)]
    assert 0.025 <= waits[0] <= 0.05
    assert all(15 <= wait <= 30 for wait in waits[11:])
    assert queue.retry("b") <= 0.05
    assert queue.retry("a", max_seconds=2) <= 2
    queue.forget("a")
    assert queue.retry("a") <= 0.05


async def test_get_wakes_for_a_key_that_is_added_while_it_waits() -> None:
    queue = KeyedQueue[str]("test")
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    assert await asyncio.wait_for(waiting, 5) == "a"


async def test_get_wakes_for_a_key_that_becomes_due() -> None:
    queue = KeyedQueue[str]("test")
    queue.add_after("late", 60)
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add_after("soon", 0.01)
    assert await asyncio.wait_for(waiting, 5) == "soon"


async def test_every_waiting_worker_gets_a_key_of_its_own() -> None:
    queue = KeyedQueue[int]("test")
    workers = [asyncio.create_task(queue.get()) for _ in range(5)]
    await asyncio.sleep(0)
    for key in range(5):
        queue.add(key)
    assert sorted(await asyncio.wait_for(asyncio.gather(*workers), 5)) == [0, 1, 2, 3, 4]


async def test_shutting_down_wakes_every_worker_and_takes_nothing_more() -> None:
    queue = KeyedQueue[str]("test")
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.shut_down()
    queue.add("a")
    queue.add_after("b", 0.001)
    for ended in await asyncio.wait_for(asyncio.gather(*workers, return_exceptions=True), 5):
        assert isinstance(ended, ShutDown)
    with pytest.raises(ShutDown):
        await queue.get()


class QueueAgainstModel(RuleBasedStateMachine):
    """No wish for work on a key is ever lost, and no key is ever worked on twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.queue = queue_at(self.clock)
        self.wanted: set[str] = set()
        self.due: dict[str, float] = {}
        self.working: set[str] = set()

    @rule(key=st.sampled_from("abc"))
    def add(self, key: str) -> None:
        self.queue.add(key)
        self.wanted.add(key)

    @rule(key=st.sampled_from("abc"), seconds=st.floats(0.001, 10))
    def add_after(self, key: str, seconds: float) -> None:
        self.queue.add_after(key, seconds)
        due = self.clock.now + seconds
        self.due[key] = min(self.due.get(key, due), due)

    @rule(seconds=st.floats(0, 20))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def take(self) -> None:
        key = self.queue.take()
        late = {key for key, due in self.due.items() if due <= self.clock.now}
        self.wanted |= late
        self.due = {key: due for key, due in self.due.items() if key not in late}
        available = self.wanted - self.working
        assert key in available if available else key is None
        if key is not None:
            self.wanted.remove(key)
            self.working.add(key)

    @rule(key=st.sampled_from("abc"))
    def finish(self, key: str) -> None:
        if key in self.working:
            self.working.remove(key)
            self.queue.done(key)

    @invariant()
    def depth_is_what_could_be_taken_now(self) -> None:
        assert len(self.queue) == len(self.wanted - self.working)


TestQueueAgainstModel = QueueAgainstModel.TestCase
