"""Waiting for something to appear on the control plane: a watch, with a deadline."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from kube.client import Api
from kube.kinds import Kind, Object, ObjectKey
from kube.reflector import Reflector

T = TypeVar("T")
Cache = Mapping[ObjectKey, Object]


@asynccontextmanager
async def following(
    api: Api, kind: Kind, namespace: str | None, label_selector: str = "", field_selector: str = ""
) -> AsyncGenerator[tuple[Reflector, asyncio.Event]]:
    """A collection that is followed while the block runs, and an event that is set when it changes."""
    reflector, changed = Reflector(api, kind, namespace, label_selector, field_selector), asyncio.Event()
    reflector.subscribe(lambda key, old, new: changed.set())
    task = asyncio.create_task(reflector.run())
    try:
        yield reflector, changed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(
    reflector: Reflector, changed: asyncio.Event, find: Callable[[Cache], T | None], seconds: float
) -> T | None:
    """What `find` gives as soon as it is not None; None if the time is over first."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (found := find(reflector.cache)) is None:
                changed.clear()
                await changed.wait()
            return found
    return None
