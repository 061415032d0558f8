"""When an edit was seen where: each edit carries a marker of its own, and whoever watches a place looks for it."""

import asyncio
import time
from collections.abc import Callable, Iterable

DEADLINE_SECONDS = 60.0
"""An edit that is not seen by then never arrives."""


class NotSeenError(Exception):
    """An edit did not arrive in time; the message names the places."""


class Sightings:
    """The places at which the newest marker has been seen."""

    def __init__(self, prefix: str, clock: Callable[[], float] = time.perf_counter) -> None:
        """Nothing is seen before the first `begin`.

        Args:
            prefix: of every marker; unique to this run of the program.
            clock: seconds.
        """
        self._prefix = prefix
        self._clock = clock
        self._edits = 0
        self._began = 0.0
        self._at: dict[str, float] = {}
        self._news = asyncio.Event()

    @property
    def marker(self) -> str:
        """The newest one; none is part of another."""
        return f"{self._prefix}-{self._edits:06d}"

    def begin(self) -> str:
        """A new marker, whose time counts from now."""
        self._edits += 1
        self._at = {}
        self._began = self._clock()
        return self.marker

    def look(self, place: str, document: bytes) -> None:
        """Takes note if the newest marker is in `document`, which is what `place` holds now."""
        if place not in self._at and self.marker.encode() in document:
            self._at[place] = self._clock()
            self._news.set()

    async def wait(self, places: Iterable[str], seconds: float = DEADLINE_SECONDS) -> None:
        """Returns once the newest marker has been seen at all places.

        Raises:
            NotSeenError: it was not, in time.
        """
        wanted = set(places)
        try:
            async with asyncio.timeout(seconds):
                while not wanted <= self._at.keys():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            missing = ", ".join(sorted(wanted - self._at.keys()))
            raise NotSeenError(f"{self.marker} did not arrive within {seconds:.0f} s at: {missing}") from None

    def milliseconds(self, places: Iterable[str]) -> float:
        """From the beginning until the newest marker was seen at the last of the places, all of which have seen it."""
        return (max(self._at[place] for place in places) - self._began) * 1000
