"""The loop of a controller: workers take keys, reconcile them, and act on the decision that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import structlog

from kube.errors import Conflict, Unreachable
from kube.queue import KeyedQueue, ShutDown

K = TypeVar("K", bound=Hashable)

_log = structlog.get_logger(__name__)

DRAIN_SECONDS = 15.0
"""How long work in progress may take to end when the controller stops; within the process's own 20 s."""
UNREACHABLE_SECONDS = 2.0
"""Longest wait between attempts while a server is away: what piled up is to move soon after it is back."""


@dataclass(frozen=True)
class Done:
    """All is as it should be; the next change will bring the key back."""


@dataclass(frozen=True)
class RequeueAfter:
    """All is well so far; look again later."""

    seconds: float


Result: TypeAlias = Done | RequeueAfter


class Stalled(Exception):
    """A person must act: trying again makes no sense until something changes."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """PascalCase, as in a condition."""
        self.message = message


class Waiting(Exception):
    """Something else must happen first; look again after some seconds."""

    def __init__(self, reason: str, message: str, after: float) -> None:
        super().__init__(message)
        self.reason = reason
        """PascalCase, as in a condition."""
        self.message = message
        self.after = after


class Controller(Generic[K]):
    """Brings every key that is added to `queue` to rest with `reconcile`, never twice at once for a key.

    `reconcile` returns a Result, raises Stalled or Waiting, or raises anything else to be tried again with backoff.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[K], Awaitable[Result]],
        workers: int = 4,
        *,
        queue: KeyedQueue[K] | None = None,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self.name = name
        self.queue = queue or KeyedQueue[K](name)
        self._reconcile = reconcile
        self._workers = workers
        self._drain_seconds = drain_seconds
        self._log = _log.bind(controller=name)

    async def run(self) -> None:
        """Works until cancelled; then takes no more keys and lets work in progress end, for a bounded time."""
        workers = [asyncio.create_task(self._work(), name=f"{self.name}-{number}") for number in range(self._workers)]
        try:
            await asyncio.gather(*(asyncio.shield(worker) for worker in workers))
        finally:
            self.queue.shut_down()
            try:
                await asyncio.wait(workers, timeout=self._drain_seconds)
            finally:
                for worker in workers:
                    worker.cancel()
            await asyncio.wait(workers)

    async def _work(self) -> None:
        while True:
            try:
                key = await self.queue.get()
            except ShutDown:
                return
            try:
                await self._handle(key)
            finally:
                self.queue.done(key)

    async def _handle(self, key: K) -> None:
        log = self._log.bind(key=str(key))
        try:
            result = await self._reconcile(key)
        except Stalled as stop:
            self.queue.forget(key)
            log.warning("stalled", reason=stop.reason, message=stop.message)
        except Waiting as wait:
            self.queue.forget(key)
            self.queue.add_after(key, wait.after)
            log.info("waiting", reason=wait.reason, message=wait.message, seconds=wait.after)
        except (Conflict, Unreachable) as error:
            # Both are everyday: somebody else wrote first, or the network is away. No traceback is needed.
            limit = UNREACHABLE_SECONDS if isinstance(error, Unreachable) else None
            log.info("trying again", error=str(error), seconds=round(self.queue.retry(key, limit), 3))
        except Exception:
            log.exception("reconcile failed, trying again", seconds=round(self.queue.retry(key), 3))
        else:
            self.queue.forget(key)
            if isinstance(result, RequeueAfter):
                self.queue.add_after(key, result.seconds)
