"""The loop of one context: wake up, detect, publish, apply. Ends when the context is withdrawn."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import structlog
from pydantic import ValidationError

from api.condition import REASON_INVALID_SPEC
from api.context_replica import SiteState
from api.mcp_context import MCPContextSpec
from controllers.agent.holding import Holding, Origin
from controllers.agent.publisher import Publisher
from core.site.plan import Desired, Refusal
from kube.backoff import DecorrelatedJitter
from kube.kinds import Object

_log = structlog.get_logger(__name__)

FULL_SCAN_SECONDS = 30.0
"""A change of which no event told is found within this time."""
LATE_SECONDS = 1.0
"""An older revision that our API server holds for longer than this was not delivered late: a newer one is lost."""
MENDED_SECONDS = 5.0
"""Longest pause until a volume that has failed is tried again: nothing tells that it was mended."""
LAST_WORD_SECONDS = 10.0
"""How long the last publication may take when the pod ends, within the grace period of 30 s."""


class ContextLoop:
    """Holds one context for as long as it is placed here."""

    def __init__(
        self,
        volume: Path,
        context: str,
        origin: Origin,
        publisher: Publisher,
        newest: Callable[[], Object | None],
        is_withdrawn: Callable[[], bool],
    ) -> None:
        """A loop for a context.

        Args:
            volume: where its directory is.
            context: its name.
            origin: where changes come from.
            publisher: of its replica; run elsewhere.
            newest: its MCPContext, None while that is not known.
            is_withdrawn: whether it is known to be placed here no longer.
        """
        self.context = context
        self.publisher = publisher
        self.scanned = asyncio.Event()
        """Set once its directory has been looked at."""
        self._volume = volume
        self._origin = origin
        self._newest = newest
        self._is_withdrawn = is_withdrawn
        self._wake = asyncio.Event()
        self._backoff = DecorrelatedJitter(Random(), base_seconds=0.5, max_seconds=MENDED_SECONDS)  # noqa: S311  guards nothing
        self._holding: Holding | None = None
        self._parsed: tuple[Object, Desired] | None = None
        self._delivered = ("", 0.0)
        """Identity of the newest revision, and since when it is that (monotonic seconds)."""
        self._scanned_at = float("-inf")
        self._stopping = asyncio.Event()
        publisher.subscribe(self.wake)

    def wake(self) -> None:
        """Something may have changed: a file, or the MCPContext."""
        self._wake.set()

    def stop(self) -> None:
        """The pod ends: look once more, publish, and return from `run`."""
        self._stopping.set()
        self.wake()

    async def run(self) -> None:
        """Holds the context until it is withdrawn and its replica is on its way out, or until `stop`."""
        while not (self._is_withdrawn() or self._stopping.is_set()):
            self._wake.clear()
            wait = FULL_SCAN_SECONDS
            try:
                await self._step()
                self._backoff.reset()
            except OSError as error:
                wait = self._backoff.next()
                _log.error("volume failed", context=self.context, error=str(error))
                self._offer(self._holding.failed(error) if self._holding else None)
            self.scanned.set()
            await self._pause(wait)
        if self._stopping.is_set():
            await self._say_last_word()
        else:
            await self._withdraw()

    async def _step(self) -> None:
        thorough = time.monotonic() - self._scanned_at >= FULL_SCAN_SECONDS
        await self._detect(thorough=thorough)
        if thorough:
            self._scanned_at = time.monotonic()
        if raw := self._newest():
            await self._apply(raw)

    async def _detect(self, *, thorough: bool) -> None:
        holding = await self._opened()
        requests = self.publisher.requests
        holding.want_inventory(wanted=requests.inventory_wanted)
        state = await asyncio.to_thread(holding.detect, thorough=thorough, confirmation=requests.confirmation)
        self._offer(state)

    async def _apply(self, raw: Object) -> None:
        holding = await self._opened()
        try:
            revision = self._revision(raw)
        except ValidationError as error:
            self._offer(await asyncio.to_thread(holding.refuse, _refusal(error)))
            return
        if holding.context_type not in (None, revision.spec.context_type):
            # Deleted and created anew as another type: nothing of the old files can be an item of the new.
            await asyncio.to_thread(holding.withdraw)
            self._holding = None
            holding = await self._opened()
        left = self._delivered[1] + LATE_SECONDS - time.monotonic()
        self._offer(await asyncio.to_thread(holding.apply, revision, is_newest=left <= 0))
        if holding.awaits_newer:
            asyncio.get_running_loop().call_later(left, self.wake)

    async def _pause(self, seconds: float) -> None:
        """Until there is something to do, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _say_last_word(self) -> None:
        try:
            async with asyncio.timeout(LAST_WORD_SECONDS):
                await self._detect(thorough=True)
                await self.publisher.settled()
        except TimeoutError:
            _log.warning("ended before all was published: it is in the journal", context=self.context)
        except OSError as error:
            _log.error("volume failed", context=self.context, error=str(error))

    async def _opened(self) -> Holding:
        if self._holding is None:
            self._holding = await asyncio.to_thread(Holding, self._volume, self.context, self._origin)
        return self._holding

    async def _withdraw(self) -> None:
        while not await self._is_set_aside():
            await self._pause(self._backoff.next())
            if self._stopping.is_set():
                return
        self.publisher.withdraw()
        settled, stopping = asyncio.create_task(self.publisher.settled()), asyncio.create_task(self._stopping.wait())
        await asyncio.wait({settled, stopping}, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        stopping.cancel()
        _log.info("withdrawn", context=self.context)

    async def _is_set_aside(self) -> bool:
        try:
            holding = await self._opened()
            await asyncio.to_thread(holding.withdraw)
        except OSError as error:
            _log.error("volume failed", context=self.context, error=str(error))
            return False
        return True

    def _offer(self, state: SiteState | None) -> None:
        if state is not None:
            self.publisher.offer(state)

    def _revision(self, raw: Object) -> Desired:
        if self._parsed is None or self._parsed[0] is not raw:
            self._parsed = (raw, Desired.of(MCPContextSpec.model_validate(raw["spec"])))
        revision = self._parsed[1]
        if self._delivered[0] != revision.spec.chain_digest:
            self._delivered = (revision.spec.chain_digest, time.monotonic())
        return revision


def _refusal(error: ValidationError) -> Refusal:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return Refusal(REASON_INVALID_SPEC, f"MCPContext.spec.{place}: {first['msg']}; the agent may be too old for it")
