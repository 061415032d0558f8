"""The work queue of a controller: equal keys merge, no key is worked on twice at once, failures wait."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Hashable
from random import Random
from typing import Generic, TypeVar

from kube import metrics
from kube.backoff import exponential

K = TypeVar("K", bound=Hashable)

BASE_SECONDS = 0.05
"""Wait after the first failure of a key."""
MAX_SECONDS = 30.0
"""Longest wait between two attempts at a key."""


class ShutDown(Exception):
    """The queue takes and gives nothing any more."""


class KeyedQueue(Generic[K]):
    """Keys that need work.

    A key is waiting, delayed, in progress, or both in progress and dirty: added again while it was worked on, it comes
    back when that work is done. To be used from one event loop; only `get` waits.
    """

    def __init__(
        self,
        name: str = "",
        *,
        base_seconds: float = BASE_SECONDS,
        max_seconds: float = MAX_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self._base = base_seconds
        self._max = max_seconds
        self._clock = clock
        self._random = random or Random()  # noqa: S311  spreads load, guards nothing
        self._waiting: deque[K] = deque()
        self._dirty: dict[K, float] = {}
        """Every key that must be worked on (again), with the time at which it became so."""
        self._processing: dict[K, float] = {}
        self._due: dict[K, float] = {}
        self._delayed: list[tuple[float, int, K]] = []
        """A heap; an entry counts only if it is the time in `_due`. The number keeps keys from being compared."""
        self._sequence = 0
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()
        self._closed = False
        self._adds = metrics.QUEUE_ADDS.labels(name=name)
        self._retries = metrics.QUEUE_RETRIES.labels(name=name)
        self._wait_seconds = metrics.QUEUE_WAIT_SECONDS.labels(name=name)
        self._work_seconds = metrics.QUEUE_WORK_SECONDS.labels(name=name)
        metrics.QUEUE_DEPTH.labels(name=name).set_function(self.__len__)
        metrics.QUEUE_UNFINISHED_SECONDS.labels(name=name).set_function(lambda: sum(self._ages()))
        metrics.QUEUE_LONGEST_SECONDS.labels(name=name).set_function(lambda: max(self._ages(), default=0.0))

    def __len__(self) -> int:
        """Keys that a worker could take now."""
        return len(self._waiting)

    def add(self, key: K) -> None:
        """Asks for work on a key, now."""
        if self._closed or key in self._dirty:
            return
        self._adds.inc()
        self._dirty[key] = self._clock()
        if key not in self._processing:
            self._enqueue(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Asks for work on a key, later; of several such calls the earliest time counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock() + seconds
        if self._closed or due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        self._sequence += 1
        heapq.heappush(self._delayed, (due, self._sequence, key))
        self._wake.set()

    def retry(self, key: K, max_seconds: float | None = None) -> float:
        """Asks for work on a key that failed, after a wait that grows with its failures; returns the seconds.

        Args:
            key: it may still be in progress.
            max_seconds: the longest wait this time; None means the queue's.
        """
        self._failures[key] = self._failures.get(key, 0) + 1
        seconds = exponential(self._failures[key], self._random, self._base, max_seconds or self._max)
        self._retries.inc()
        self.add_after(key, seconds)
        return seconds

    def forget(self, key: K) -> None:
        """Ends the count of a key's failures, after a success or when retrying makes no sense."""
        self._failures.pop(key, None)

    def take(self) -> K | None:
        """The next key, now in progress, or None if none is due."""
        self._collect_due()
        if not self._waiting:
            return None
        key, now = self._waiting.popleft(), self._clock()
        self._wait_seconds.observe(now - self._dirty.pop(key))
        self._processing[key] = now
        return key

    async def get(self) -> K:
        """Waits for the next key; whoever gets it must call `done`.

        Raises:
            ShutDown: the queue was shut down.
        """
        while not self._closed:
            key = self.take()
            if key is not None:
                return key
            self._wake.clear()
            try:
                async with asyncio.timeout(self._until_due()):
                    await self._wake.wait()
            except TimeoutError:
                continue
        raise ShutDown

    def done(self, key: K) -> None:
        """Reports that the work on a key has ended, well or not."""
        self._work_seconds.observe(self._clock() - self._processing.pop(key))
        if key in self._dirty:
            self._enqueue(key)

    def shut_down(self) -> None:
        """Wakes every worker with ShutDown; work in progress may still be finished."""
        self._closed = True
        self._wake.set()

    def _enqueue(self, key: K) -> None:
        self._waiting.append(key)
        self._wake.set()

    def _collect_due(self) -> None:
        now = self._clock()
        while self._delayed and self._delayed[0][0] <= now:
            due, _, key = heapq.heappop(self._delayed)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)

    def _until_due(self) -> float | None:
        return max(0.0, self._delayed[0][0] - self._clock()) if self._delayed else None

    def _ages(self) -> list[float]:
        now = self._clock()
        return [now - since for since in self._processing.values()]
