"""Clients of the handshake era (before 2026-07-28): notified of changes over their session's standing stream."""

import asyncio
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import event_to_notification
from mcp_types import (
    INVALID_REQUEST,
    EmptyResult,
    NotificationParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request

Context = ServerRequestContext[dict[str, Any], Request]


class _Client:
    """One session: the MCP resources it asked for, and its notifications to come; equal ones are sent once."""

    def __init__(self) -> None:
        self.uris: set[str] = set()
        self._pending: dict[ServerEvent, None] = {}
        self._wake = asyncio.Event()

    def note(self, event: ServerEvent) -> None:
        if not isinstance(event, ResourceUpdated) or event.uri in self.uris:
            self._pending[event] = None
            self._wake.set()

    async def take(self) -> list[ServerEvent]:
        await self._wake.wait()
        self._wake.clear()
        pending, self._pending = list(self._pending), {}
        return pending


class HandshakeClients:
    """All sessions of the handshake era."""

    def __init__(self, bus: InMemorySubscriptionBus) -> None:
        self._bus = bus
        self._clients: dict[str, _Client] = {}

    async def serve(self, context: Context, _: NotificationParams) -> None:
        """Handler of `notifications/initialized`.

        It lasts as long as the session: the SDK runs it among the session's tasks and cancels it with them.
        """
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return
        session, client = _session_id(context), _Client()
        self._clients[session] = client
        unsubscribe = self._bus.subscribe(client.note)
        try:
            while True:
                for event in await client.take():
                    await context.session.send_notification(event_to_notification(event, {}))
        finally:
            unsubscribe()
            if self._clients.get(session) is client:
                del self._clients[session]

    async def subscribe(self, context: Context, params: SubscribeRequestParams) -> EmptyResult:
        """Handler of `resources/subscribe`."""
        self._of(context).uris.add(str(params.uri))
        return EmptyResult()

    async def unsubscribe(self, context: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        """Handler of `resources/unsubscribe`."""
        self._of(context).uris.discard(str(params.uri))
        return EmptyResult()

    def _of(self, context: Context) -> _Client:
        client = self._clients.get(_session_id(context))
        if client is None:
            raise MCPError(INVALID_REQUEST, "send notifications/initialized before you subscribe")
        return client


def _session_id(context: Context) -> str:
    request = context.request
    return request.headers.get("mcp-session-id", "") if request is not None else ""
