"""A change that several tasks may wait for, without losing one that happens while a task is busy."""

import asyncio


class Change:
    """Something that changes now and then.

    Take `next` before looking at the thing, wait for it after having acted: a change in between is not missed.
    """

    def __init__(self) -> None:
        self._next = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """Set at the next change from now."""
        return self._next

    def announce(self) -> None:
        """Wake everybody who waits."""
        self._next.set()
        self._next = asyncio.Event()


async def wait_at_most(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for the event, at most so many seconds (None: without limit); answers whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
