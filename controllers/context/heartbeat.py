"""The member's heartbeat: a Lease on the control plane, renewed also while nothing changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from api.names import CONTEXT_MANAGER, HEARTBEAT_SECONDS, MEMBER_HEARTBEAT, STALE_AFTER_SECONDS
from controllers.context.remote import RemoteControlPlane
from controllers.wall_clock import utc_now
from kube.errors import ApiError, ConfigurationError, Unreachable
from kube.kinds import LEASE

_ATTEMPT_SECONDS = 5.0
_RETRY_SECONDS = 2.0
"""How soon after a failure to try again: what waits for the control plane goes up when it answers."""

_log = structlog.get_logger(__name__)


class Heartbeat:
    """Renews the Lease, and so knows whether the control plane answers."""

    def __init__(
        self,
        remote: RemoteControlPlane,
        cluster: str,
        *,
        period_seconds: float = HEARTBEAT_SECONDS,
        silent_after_seconds: float = STALE_AFTER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_silent = False
        """Whether the control plane has not answered for longer than the limit."""
        self._remote = remote
        self._cluster = cluster
        self._period = period_seconds
        self._limit = silent_after_seconds
        self._clock = clock
        self._answered_at = clock()
        self._failing = False
        self._on_silence: list[Callable[[], None]] = []
        self._on_return: list[Callable[[], None]] = []

    def subscribe(self, on_silence: Callable[[], None], on_return: Callable[[], None]) -> None:
        """Calls `on_silence` when `is_silent` has changed, `on_return` at the first answer after a failure."""
        self._on_silence.append(on_silence)
        self._on_return.append(on_return)

    async def run(self) -> None:
        """Renews until cancelled, through every failure."""
        while True:
            started = self._clock()
            try:
                async with asyncio.timeout(_ATTEMPT_SECONDS):
                    await self._renew()
                self._succeed()
            except TimeoutError:
                self._fail(f"no answer in {_ATTEMPT_SECONDS:.0f} s" if self._remote.link else "no link yet")
            except (ApiError, Unreachable, ConfigurationError) as error:
                self._fail(str(error))
            self._judge()
            pause = min(self._period, _RETRY_SECONDS) if self._failing else self._period
            await asyncio.sleep(started + pause - self._clock())

    async def _renew(self) -> None:
        link = await self._remote.linked()
        spec = {
            "holderIdentity": self._cluster,
            "leaseDurationSeconds": STALE_AFTER_SECONDS,
            "renewTime": utc_now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        lease = {"metadata": {"namespace": link.namespace, "name": MEMBER_HEARTBEAT}, "spec": spec}
        await link.api.apply(LEASE, lease, CONTEXT_MANAGER, force=True)

    def _succeed(self) -> None:
        self._answered_at = self._clock()
        if self._failing:
            self._failing = False
            _log.info("the control plane answers again")
            _notify(self._on_return)

    def _fail(self, error: str) -> None:
        if not self._failing:
            self._failing = True
            _log.warning("no heartbeat, going on trying", error=error)

    def _judge(self) -> None:
        silent = self._clock() - self._answered_at > self._limit
        if silent != self.is_silent:
            self.is_silent = silent
            _notify(self._on_silence)


def _notify(subscribers: Iterable[Callable[[], None]]) -> None:
    for subscriber in subscribers:
        subscriber()
