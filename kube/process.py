"""The life of a process: signals, an orderly end within a deadline, and an exit code for how it went."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import structlog

from kube.errors import ApiError, ConfigurationError, Unreachable

_log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
"""How long `main` may take to return after a signal; within the 30 s that Kubernetes gives a pod by default."""
_CANCEL_SECONDS = 5.0

_EXPECTED = (ConfigurationError, ApiError, Unreachable)


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Runs `main` on a new event loop; the first SIGTERM or SIGINT sets its event, a second one cancels it.

    Returns when `main` has returned. A failure ends the process with exit code 1: one line for what a person can put
    right (no credentials, no answer, an API server's refusal), a traceback for anything else.

    Raises:
        SystemExit: `main` failed as could be expected, or did not return within the drain time.
    """
    try:
        drained = asyncio.run(_supervise(main))
    except Exception as error:
        leaves = _leaves(error)
        if not all(isinstance(leaf, _EXPECTED) for leaf in leaves):
            raise
        sys.stderr.write("".join(f"error: {leaf}\n" for leaf in leaves))
        raise SystemExit(1) from None
    if not drained:
        sys.stderr.write("error: stopped before work in progress had ended\n")
        raise SystemExit(1)


async def run_until(stop: asyncio.Event, *jobs: Coroutine[Any, Any, None]) -> None:
    """Runs endless jobs until `stop` is set, then cancels them and waits for their ends; a failed job ends them all.

    Raises:
        ExceptionGroup: what jobs failed with.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job) for job in jobs]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _supervise(main: Callable[[asyncio.Event], Awaitable[None]]) -> bool:
    """Whether `main` returned by itself, rather than cut off."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    work = asyncio.ensure_future(main(stop))

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            work.cancel()
        _log.info("stopping", signal=number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return await _drain(work)


async def _drain(work: asyncio.Future[None]) -> bool:
    done, _ = await asyncio.wait({work}, timeout=DRAIN_SECONDS)
    if not done:
        work.cancel()
        done, _ = await asyncio.wait({work}, timeout=_CANCEL_SECONDS)
    if not done or work.cancelled():
        return False
    work.result()
    return True


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    nested = cast("BaseExceptionGroup[BaseException]", error).exceptions
    return [leaf for inner in nested for leaf in _leaves(inner)]
