"""The MCP server as a process: how it starts, ends and logs, and whom it answers."""

from __future__ import annotations

import json
import time
from pathlib import Path

import aiohttp
import pytest
from mcp.client import Client

from api.item import ItemContent
from core.site.directory import File
from tests.support.mcp_clients import Era, watching
from tests.support.mcp_server import (
    TOOLS,
    Process,
    both_eras,
    running,
    text_of,
    tool,
)
from tests.support.volume import Volume

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


async def test_a_server_without_contexts_is_ready_and_serves_nothing(volume: Volume, tmp_path: Path) -> None:
    async with running(volume, tmp_path / "log") as server, Client(server.endpoint) as client:
        assert (await client.list_tools()).tools == []
        assert await server.stop() == 0


@both_eras
async def test_sigterm_ends_open_streams_gracefully_within_two_seconds(
    volume: Volume, tmp_path: Path, mode: Era
) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1")})
    async with running(volume, tmp_path / "log") as server:
        if mode == "2026-07-28":
            async with (
                Client(server.endpoint, mode=mode) as client,
                client.listen(tools_list_changed=True) as events,
            ):
                began = time.monotonic()
                code, seconds = await server.stop(), time.monotonic() - began
                assert [event async for event in events] == [], "ended, not lost"
        else:
            async with watching(server.endpoint, mode):
                began = time.monotonic()
                code, seconds = await server.stop(), time.monotonic() - began
        assert code == 0
        assert seconds < 2
    log = (tmp_path / "log").read_text()
    assert '"level": "error"' not in log, log


async def _status(server: Process, host: str) -> int:
    async with aiohttp.ClientSession() as session, server.post(session, "tools/list", {"Host": host}) as response:
        return response.status


async def test_a_request_for_another_host_is_refused(volume: Volume, tmp_path: Path) -> None:
    async with running(volume, tmp_path / "log", MCPFED_ALLOWED_HOSTS="mcp.example, other") as server:
        assert await _status(server, "mcp.example:8000") == 200
        assert await _status(server, "evil.example") == 421


async def test_payloads_are_not_logged(volume: Volume, tmp_path: Path) -> None:
    secret = "hunter2"
    volume.apply("t", TOOLS, {"a": tool(secret), "b": ItemContent(definition={"inputSchema": {"type": secret}})})
    volume.write("t", "tools/c.py", secret)
    volume.write("t", "resources/d", File(secret.encode()))
    async with running(volume, tmp_path / "log") as server, Client(server.endpoint) as client:
        assert text_of(await client.call_tool("a", {})) == secret
        assert secret not in json.dumps(await server.health())
        assert await server.stop() == 0
    assert secret not in (tmp_path / "log").read_text()
