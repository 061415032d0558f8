"""The official SDK's client in both protocol eras, following what changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    PromptListChangedNotification,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    ToolListChangedNotification,
)

from tests.support.waiting import eventually

Era = Literal["2026-07-28", "legacy"]
ERAS: tuple[Era, ...] = ("2026-07-28", "legacy")


@dataclass
class Watcher:
    """A client that is notified of changes."""

    client: Client
    changed: list[str] = field(default_factory=list[str])
    """`tools`, `prompts` or `resources` for each list that has changed, the URI of each MCP resource that has."""

    async def expect(self, *changed: str) -> None:
        """Returns when all of these have been notified."""
        await eventually(lambda: {*changed} <= {*self.changed}, 60)


@asynccontextmanager
async def watching(url: str, era: Era, uris: Sequence[str] = ()) -> AsyncGenerator[Watcher]:
    """A client that is connected and notified of changes from now on: of all lists, and of the MCP resources named."""
    async with _handshake(url, uris) if era == "legacy" else listening(url, uris) as watcher:
        yield watcher


@asynccontextmanager
async def _handshake(url: str, uris: Sequence[str]) -> AsyncGenerator[Watcher]:
    changed: list[str] = []

    async def note(message: Any) -> None:
        match message:
            case ToolListChangedNotification():
                changed.append("tools")
            case PromptListChangedNotification():
                changed.append("prompts")
            case ResourceListChangedNotification():
                changed.append("resources")
            case ResourceUpdatedNotification():
                changed.append(str(message.params.uri))
            case _:
                pass

    async with (
        standing_stream(url) as (transport, opened),
        Client(transport, mode="legacy", message_handler=note, cache=None) as client,
    ):
        for uri in uris:
            await client.subscribe_resource(uri)  # pyright: ignore[reportDeprecated]
        await asyncio.wait_for(opened.wait(), 60)
        yield Watcher(client, changed)


@asynccontextmanager
async def standing_stream(url: str) -> AsyncGenerator[tuple[Any, asyncio.Event]]:
    """A transport to a server, and what is set once its standing stream is open: before, nothing is notified."""
    opened = asyncio.Event()

    async def see(response: httpx2.Response) -> None:
        if response.request.method == "GET" and response.status_code == 200:
            opened.set()

    async with httpx2.AsyncClient(event_hooks={"response": [see]}, timeout=30) as http:
        yield streamable_http_client(url, http_client=http), opened


async def _nothing(_: Watcher, __: str) -> None:
    pass


@asynccontextmanager
async def listening(
    url: str, uris: Sequence[str] = (), on_change: Callable[[Watcher, str], Awaitable[None]] = _nothing
) -> AsyncGenerator[Watcher]:
    """A client of the protocol since 2026-07-28; `on_change` is awaited with each change, in their order."""
    async with (
        Client(url, mode="2026-07-28", cache=None) as client,
        client.listen(
            tools_list_changed=True,
            prompts_list_changed=True,
            resources_list_changed=True,
            resource_subscriptions=list(uris),
        ) as events,
    ):
        watcher = Watcher(client)

        async def follow() -> None:
            async for event in events:
                kind = type(event).__name__.removesuffix("ListChanged").lower()
                changed = str(getattr(event, "uri", kind))
                watcher.changed.append(changed)
                await on_change(watcher, changed)

        following = asyncio.create_task(follow())
        try:
            yield watcher
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
