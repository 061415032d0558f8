"""The official SDK's client in both protocol eras, told of changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
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
    """A client that is told of changes."""

    client: Client
    told: list[str] = field(default_factory=list[str])
    """`tools`, `prompts` or `resources` for each list that has changed, the URI of each MCP resource that has."""

    async def expect(self, *told: str) -> None:
        """Returns when all of these have been told."""
        await eventually(lambda: {*told} <= {*self.told}, 60)


@asynccontextmanager
async def watching(url: str, era: Era, uris: Sequence[str] = ()) -> AsyncGenerator[Watcher]:
    """A client that is connected and told of changes from now on: of all lists, and of the MCP resources named."""
    async with _handshake(url, uris) if era == "legacy" else _listening(url, uris) as watcher:
        yield watcher


@asynccontextmanager
async def _handshake(url: str, uris: Sequence[str]) -> AsyncGenerator[Watcher]:
    told: list[str] = []

    async def note(message: Any) -> None:
        match message:
            case ToolListChangedNotification():
                told.append("tools")
            case PromptListChangedNotification():
                told.append("prompts")
            case ResourceListChangedNotification():
                told.append("resources")
            case ResourceUpdatedNotification():
                told.append(str(message.params.uri))
            case _:
                pass

    async with (
        standing_stream(url) as (transport, opened),
        Client(transport, mode="legacy", message_handler=note, cache=None) as client,
    ):
        for uri in uris:
            await client.subscribe_resource(uri)  # pyright: ignore[reportDeprecated]
        await asyncio.wait_for(opened.wait(), 60)
        yield Watcher(client, told)


@asynccontextmanager
async def standing_stream(url: str) -> AsyncGenerator[tuple[Any, asyncio.Event]]:
    """A transport to a server, and what is set once its standing stream is open: before, nothing is told."""
    opened = asyncio.Event()

    async def see(response: httpx2.Response) -> None:
        if response.request.method == "GET" and response.status_code == 200:
            opened.set()

    async with httpx2.AsyncClient(event_hooks={"response": [see]}, timeout=30) as http:
        yield streamable_http_client(url, http_client=http), opened


@asynccontextmanager
async def _listening(url: str, uris: Sequence[str]) -> AsyncGenerator[Watcher]:
    told: list[str] = []
    async with (
        Client(url, mode="2026-07-28", cache=None) as client,
        client.listen(
            tools_list_changed=True,
            prompts_list_changed=True,
            resources_list_changed=True,
            resource_subscriptions=list(uris),
        ) as events,
    ):

        async def collect() -> None:
            async for event in events:
                kind = type(event).__name__.removesuffix("ListChanged").lower()
                told.append(str(getattr(event, "uri", kind)))

        collecting = asyncio.create_task(collect())
        try:
            yield Watcher(client, told)
        finally:
            collecting.cancel()
