"""Report: what the pods here serve → MCPContext.status in the member. Needs nothing of the control plane."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from api.names import API_VERSION, CONTEXT_MANAGER
from controllers.context.heartbeat import Heartbeat
from controllers.context.member import Member
from controllers.context.mirror import Mirror
from core.member import member_status
from kube.controller import Done, Result
from kube.errors import NotFound
from kube.kinds import MCP_CONTEXT, ObjectKey


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Report:
    """Reconciles the status of the contexts of a member."""

    def __init__(
        self, member: Member, mirror: Mirror, heartbeat: Heartbeat, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._member = member
        self._mirror = mirror
        self._heartbeat = heartbeat
        self._now = now

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings one context's status up to date."""
        context = self._member.context(key)
        if context is None:
            return Done()
        wanted = member_status.status(
            context,
            self._member.live_sites(key),
            self._member.server_exists(context),
            now=self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            refusal=self._mirror.refusal(key),
            control_plane_silent=self._heartbeat.is_silent,
        )
        if wanted == context.status:
            return Done()
        body = {
            "apiVersion": API_VERSION,
            "kind": "MCPContext",
            "metadata": {"namespace": key.namespace, "name": key.name, "uid": context.metadata.uid},
            "status": wanted.wire(),
        }
        # Gone meanwhile: nothing is left to be reported.
        with suppress(NotFound):
            self._member.contexts.observe(
                await self._member.api.apply(MCP_CONTEXT, body, CONTEXT_MANAGER, "status", force=True)
            )
        return Done()
