"""The official SDK's client in both protocol eras, told of changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import PromptListChangedNotification, ResourceListChangedNotification, ToolListChangedNotification

Era = Literal["2026-07-28", "legacy"]
ERAS: tuple[Era, ...] = ("2026-07-28", "legacy")


@dataclass
class Watcher:
    """A client that is told of changes."""

    client: Client
    told: list[str] = field(default_factory=list[str])
    """`tools`, `prompts` or `resources`, for each list that has changed."""


@asynccontextmanager
async def watching(url: str, era: Era) -> AsyncGenerator[Watcher]:
    """A client that is connected and told of changes from now on."""
    async with _handshake(url) if era == "legacy" else _listening(url) as watcher:
        yield watcher


@asynccontextmanager
async def _handshake(url: str) -> AsyncGenerator[Watcher]:
    told: list[str] = []

    async def note(message: Any) -> None:
        match message:
            case ToolListChangedNotification():
                told.append("tools")
            case PromptListChangedNotification():
                told.append("prompts")
            case ResourceListChangedNotification():
                told.append("resources")
            case _:
                pass

    opened = asyncio.Event()

    async def see(response: httpx2.Response) -> None:
        if response.request.method == "GET" and response.status_code == 200:
            opened.set()

    async with (
        httpx2.AsyncClient(event_hooks={"response": [see]}, timeout=30) as http,
        Client(
            streamable_http_client(url, http_client=http), mode="legacy", message_handler=note, cache=None
        ) as client,
    ):
        await asyncio.wait_for(opened.wait(), 10)
        yield Watcher(client, told)


@asynccontextmanager
async def _listening(url: str) -> AsyncGenerator[Watcher]:
    told: list[str] = []
    async with (
        Client(url, mode="2026-07-28", cache=None) as client,
        client.listen(tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True) as events,
    ):

        async def collect() -> None:
            async for event in events:
                told.append(type(event).__name__.removesuffix("ListChanged").lower())  # noqa: PERF401  as it comes

        collecting = asyncio.create_task(collect())
        try:
            yield Watcher(client, told)
        finally:
            collecting.cancel()
