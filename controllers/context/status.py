"""report: what the pods here serve → MCPContext.status in the member. Needs nothing of the control plane."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from api.names import CONTEXT_MANAGER
from controllers.context.caches import MemberCaches
from controllers.context.heartbeat import Heartbeat
from controllers.context.mirror import Mirror
from controllers.wall_clock import rfc3339, utc_now
from core.member import member_status
from kube.controller import Done, Result
from kube.errors import NotFound
from kube.kinds import MCP_CONTEXT, ObjectKey


class StatusReporter:
    """Reconciles the status of the MCPContexts of a member."""

    def __init__(
        self, caches: MemberCaches, mirror: Mirror, heartbeat: Heartbeat, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._caches = caches
        self._mirror = mirror
        self._heartbeat = heartbeat
        self._now = now

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings one context's status up to date."""
        context = self._caches.context(key)
        if context is None:
            return Done()
        desired = member_status.status(
            context,
            self._caches.live_sites(key),
            self._caches.server_exists(context),
            now=rfc3339(self._now()),
            refusal=self._mirror.refusal(key),
            control_plane_silent=self._heartbeat.is_silent,
        )
        if desired == context.status:
            return Done()
        body = {"metadata": {**key._asdict(), "uid": context.metadata.uid}, "status": desired.wire()}
        # Gone meanwhile: nothing is left to be reported.
        with suppress(NotFound):
            self._caches.contexts.observe(
                await self._caches.api.apply(MCP_CONTEXT, body, CONTEXT_MANAGER, "status", force=True)
            )
        return Done()
