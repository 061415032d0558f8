"""A native MCP server as a process over a volume, and what it serves in the tests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mcp_types import (
    CallToolResult,
    TextContent,
)

from api.item import ContextType, ItemContent
from tests.support.mcp_clients import ERAS
from tests.support.volume import Volume
from tests.support.waiting import eventually

REPOSITORY = Path(__file__).parents[2]
TOOLS, PROMPTS, RESOURCES = ContextType.TOOLS, ContextType.PROMPTS, ContextType.RESOURCES
both_eras = pytest.mark.parametrize("mode", ERAS)
OBJECT = {"inputSchema": {"type": "object"}}
NOTE = {"uri": "note:///today", "name": "today", "mimeType": "text/plain"}
COMMAND = (sys.executable, "-m", "controllers.server")


def static(text: str) -> dict[str, Any]:
    return {"static": {"content": [{"type": "text", "text": text}]}}


def tool(text: str, **definition: Any) -> ItemContent:
    return ItemContent(definition={**OBJECT, **definition}, handler=static(text))


@dataclass
class Process:
    """A running server."""

    url: str
    process: asyncio.subprocess.Process

    @property
    def endpoint(self) -> str:
        """Where MCP is spoken."""
        return f"{self.url}/mcp"

    async def health(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/healthz") as response:
            return await response.json()

    def post(self, session: aiohttp.ClientSession, method: str, headers: Mapping[str, str] | None = None) -> Any:
        """One request as the specification has it, to be awaited or entered."""
        meta: dict[str, Any] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        return session.post(
            self.endpoint,
            json={"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}},
            headers={
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2026-07-28",
                "Mcp-Method": method,
                **(headers or {}),
            },
        )

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)


@asynccontextmanager
async def running(
    volume: Volume, log: Path, command: tuple[str, ...] = COMMAND, **environment: str
) -> AsyncGenerator[Process]:
    """A server on a free port, ready."""
    variables = {
        "PATH": os.environ["PATH"],
        "MCPFED_CONTEXT_DIR": str(volume.root),
        "MCPFED_SERVER_PORT": "0",
        **environment,
    }
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, env=variables, stderr=stderr)
    try:
        server = Process(await _url(log, process), process)
        await until(lambda: _ready(server.url))
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _url(log: Path, process: asyncio.subprocess.Process) -> str:
    def serving() -> str:
        assert process.returncode is None, log.read_text()
        lines = [json.loads(line) for line in log.read_text().splitlines() if '"serving"' in line]
        return str(lines[0]["url"]).removesuffix("/mcp") if lines else ""

    await eventually(serving, 60)
    return serving()


async def _ready(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def until(holds: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110  what is waited for is in another process
            await asyncio.sleep(0.01)


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text
