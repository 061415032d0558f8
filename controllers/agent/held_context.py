"""One context from its first revision to its withdrawal: what one step of it does, and its last word."""

import asyncio
import time
from pathlib import Path

import structlog
from pydantic import ValidationError

from api.condition import REASON_INVALID_SPEC
from api.context_replica import SiteState
from api.mcp_context import MCPContextSpec
from controllers.agent.holding import REASON_VOLUME_FAILED, Holding, Origin
from controllers.agent.publisher import Publisher
from core.site.plan import Desired, Refusal
from kube.controller import RequeueAfter, Waiting
from kube.kinds import Object

_log = structlog.get_logger(__name__)

FULL_SCAN_SECONDS = 30.0
"""A change of which there was no event is found within this time."""
LATE_SECONDS = 1.0
"""An older revision that our API server holds for longer than this was not delivered late: a newer one is lost."""
MENDED_SECONDS = 2.0
"""Pause until a volume that has failed is tried again: there is no event when it is mended."""
LAST_WORD_SECONDS = 10.0
"""How long the last publication may take when the pod ends, within the grace period of 30 s."""


class HeldContext:
    """Steps of one context; they are never taken at the same time, and what they do on the volume runs in threads."""

    def __init__(self, volume: Path, context: str, origin: Origin, publisher: Publisher) -> None:
        """Looks at nothing yet.

        Args:
            volume: where its directory is.
            context: its name.
            origin: where changes come from.
            publisher: of its replica; run elsewhere.
        """
        self.context = context
        self.publisher = publisher
        self.scanned = False
        """Whether its directory has been looked at."""
        self.withdrawing = False
        """Whether its withdrawal has begun: that is finished, whatever comes."""
        self._volume = volume
        self._origin = origin
        self._holding: Holding | None = None
        self._parsed: tuple[Object, Desired] | None = None
        self._delivered = ("", 0.0)
        """Identity of the newest revision, and since when it is that (monotonic seconds)."""
        self._scanned_at = float("-inf")

    async def hold(self, newest: Object | None) -> RequeueAfter:
        """Detects, publishes and applies: when to look again, should nothing happen.

        Args:
            newest: its MCPContext, None while that is not known.

        Raises:
            Waiting: the volume has failed.
        """
        try:
            await self._detect_all()
            return RequeueAfter(await self._apply(newest) if newest else FULL_SCAN_SECONDS)
        except Exception as error:
            self._offer(self._holding.failed(error) if self._holding else None)
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise  # ours: the controller logs it and tries again, and no other context suffers
        finally:
            self.scanned = True

    async def withdraw(self) -> None:
        """Sets the files aside and has the replica deleted, which the publisher does.

        Raises:
            Waiting: the volume has failed.
        """
        if not self.publisher.is_withdrawn:
            self.withdrawing = True
            try:
                holding = await self._opened()
                await asyncio.to_thread(holding.withdraw)
            except OSError as error:
                raise self._failed(error) from error
            self.publisher.withdraw()

    async def say_last_word(self) -> None:
        """The pod ends: looks once more, and returns when all is published, or after a bounded time."""
        if self.withdrawing:
            return
        try:
            async with asyncio.timeout(LAST_WORD_SECONDS):
                await self._detect(thorough=True)
                await self.publisher.settled()
        except TimeoutError:
            _log.warning("ended before all was published: it is in the journal", context=self.context)
        except OSError as error:
            self._failed(error)
        except Exception:
            _log.exception("ended without a last word", context=self.context)

    async def _detect_all(self) -> None:
        thorough = time.monotonic() - self._scanned_at >= FULL_SCAN_SECONDS
        await self._detect(thorough=thorough)
        if thorough:
            self._scanned_at = time.monotonic()

    async def _detect(self, *, thorough: bool) -> None:
        holding = await self._opened()
        requests = self.publisher.requests
        holding.want_inventory(wanted=requests.inventory_wanted)
        state = await asyncio.to_thread(holding.detect, thorough=thorough, confirmation=requests.confirmation)
        self._offer(state)

    async def _apply(self, raw: Object) -> float:
        """Applies an MCPContext, after `_detect`: seconds until the next look."""
        holding = await self._opened()
        try:
            desired = self._desired(raw)
        except ValidationError as error:
            self._offer(await asyncio.to_thread(holding.refuse, _refusal(error)))
            return FULL_SCAN_SECONDS
        if holding.context_type not in (None, desired.spec.context_type):
            # Deleted and created anew as another type: nothing of the old files can be an item of the new.
            await asyncio.to_thread(holding.withdraw)
            self._holding = None
            holding = await self._opened()
        left = self._delivered[1] + LATE_SECONDS - time.monotonic()
        self._offer(await asyncio.to_thread(holding.apply, desired, is_newest=left <= 0))
        return left if holding.awaits_newer else FULL_SCAN_SECONDS

    async def _opened(self) -> Holding:
        if self._holding is None:
            self._holding = await asyncio.to_thread(Holding, self._volume, self.context, self._origin)
        return self._holding

    def _offer(self, state: SiteState | None) -> None:
        if state is not None:
            self.publisher.offer(state)

    def _desired(self, raw: Object) -> Desired:
        if self._parsed is None or self._parsed[0] is not raw:
            self._parsed = (raw, Desired.of(MCPContextSpec.model_validate(raw["spec"])))
        desired = self._parsed[1]
        if self._delivered[0] != desired.spec.chain_digest:
            self._delivered = (desired.spec.chain_digest, time.monotonic())
        return desired

    def _failed(self, error: OSError) -> Waiting:
        _log.error("volume failed", context=self.context, error=str(error))
        return Waiting(REASON_VOLUME_FAILED, str(error), MENDED_SECONDS)


def _refusal(error: ValidationError) -> Refusal:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return Refusal(REASON_INVALID_SPEC, f"MCPContext.spec.{place}: {first['msg']}; the agent may be too old for it")
