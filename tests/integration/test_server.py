"""The MCP server as a process, over a real volume, with the official SDK's client in both protocol eras."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aiohttp
import httpx2
import pytest
from aiohttp import web
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    BlobResourceContents,
    CallToolResult,
    PromptListChangedNotification,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    TextContent,
    TextResourceContents,
    ToolListChangedNotification,
)

from api.item import ContextType, ItemContent
from api.names import META_DIGEST, META_VERSION
from core.directory import File
from tests.support.inotify import without_inotify
from tests.support.volume import Volume, digest_of
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
TOOLS, PROMPTS, RESOURCES = ContextType.TOOLS, ContextType.PROMPTS, ContextType.RESOURCES
Mode = Literal["2026-07-28", "legacy"]
both_eras = pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")

OBJECT = {"inputSchema": {"type": "object"}}
ADD = {
    "description": "Adds",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}
NOTE = {"uri": "note:///today", "name": "today", "mimeType": "text/plain"}


def static(text: str) -> dict[str, Any]:
    return {"static": {"content": [{"type": "text", "text": text}]}}


def tool(text: str, **definition: Any) -> ItemContent:
    return ItemContent(definition={**OBJECT, **definition}, handler=static(text))


COMMAND = (sys.executable, "-m", "controllers.server")


@dataclass
class Process:
    """A running server."""

    url: str
    process: asyncio.subprocess.Process

    async def health(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/healthz") as response:
            return await response.json()

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
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=variables, stderr=stderr)
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


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    root = tmp_path / "volume"
    root.mkdir()
    return Volume(root)


@dataclass
class Watcher:
    """A client that is told of changes."""

    client: Client
    told: list[str] = field(default_factory=list[str])
    """`tools`, `prompts`, `resources`, or the URI of an updated MCP resource."""

    def expect(self, *told: str) -> Awaitable[None]:
        return eventually(lambda: {*told} <= {*self.told}, 60)


@asynccontextmanager
async def watching(server: Process, mode: Mode) -> AsyncGenerator[Watcher]:
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

    if mode == "legacy":
        async with (
            standing_stream(server) as (transport, opened),
            Client(transport, mode=mode, message_handler=note, cache=None) as client,
        ):
            assert client.server_capabilities.tools is not None
            assert client.server_capabilities.tools.list_changed
            await client.subscribe_resource(NOTE["uri"])  # pyright: ignore[reportDeprecated]
            await asyncio.wait_for(opened.wait(), 60)
            yield Watcher(client, told)
        return
    async with (
        Client(f"{server.url}/mcp", mode=mode, cache=None) as client,
        client.listen(
            tools_list_changed=True,
            prompts_list_changed=True,
            resources_list_changed=True,
            resource_subscriptions=[NOTE["uri"]],
        ) as events,
    ):

        async def collect() -> None:
            async for event in events:
                kind = type(event).__name__.removesuffix("ListChanged").lower()
                told.append(str(getattr(event, "uri", kind)))

        collecting = asyncio.create_task(collect())
        yield Watcher(client, told)
        collecting.cancel()


@asynccontextmanager
async def standing_stream(server: Process) -> AsyncGenerator[tuple[Any, asyncio.Event]]:
    """A transport to the server, and what is set once its standing stream is open: before, nothing is told."""
    opened = asyncio.Event()

    async def note(response: httpx2.Response) -> None:
        if response.request.method == "GET" and response.status_code == 200:
            opened.set()

    async with httpx2.AsyncClient(event_hooks={"response": [note]}, timeout=30) as http_client:
        yield streamable_http_client(f"{server.url}/mcp", http_client=http_client), opened


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


@both_eras
async def test_every_primitive_of_the_contexts_is_served(volume: Volume, tmp_path: Path, mode: Mode) -> None:
    tools = {
        "hello": tool("Hello!"),
        "add": ItemContent(
            definition=ADD,
            handler={"python": {"entrypoint": "add"}},
            text="async def add(a, b):\n    return {'sum': a + b}\n",
        ),
        "bare": ItemContent(definition=OBJECT),
    }
    message = {"role": "user", "content": {"type": "text", "text": "Greet {{name}} in {{ language }}, {{literally}}."}}
    arguments = [{"name": "name", "required": True}, {"name": "language"}]
    prompts = {"greet": ItemContent(definition={"arguments": arguments}, messages=[message])}
    resources = {
        "today": ItemContent(definition=NOTE, text="Milk"),
        "logo": ItemContent(definition={"uri": "logo:///png", "mimeType": "image/png"}, data="iVBORw=="),
        "by-id": ItemContent(definition={"uriTemplate": "user:///{id}"}, text="User {{id}}"),
    }
    volume.apply("t", TOOLS, tools, version=3)
    volume.apply("p", PROMPTS, prompts)
    volume.apply("r", RESOURCES, resources)
    async with (
        running(volume, tmp_path / "log", MCPFED_ALLOW_PYTHON="1") as server,
        Client(f"{server.url}/mcp", mode=mode) as client,
    ):
        listed = await client.list_tools()
        assert [each.name for each in listed.tools] == ["add", "bare", "hello"]
        assert listed.meta is not None
        assert listed.meta[META_DIGEST] == digest_of(tools)
        assert listed.meta[META_VERSION] == {"t": 3}

        called = await client.call_tool("hello", {})
        assert text_of(called) == "Hello!"
        assert called.meta is not None
        assert called.meta[META_DIGEST] == digest_of(tools)
        assert (await client.call_tool("add", {"a": 1, "b": 2})).structured_content == {"sum": 3}
        refused = await client.call_tool("add", {"a": "1"})
        assert refused.is_error
        assert text_of(refused).startswith("Invalid arguments: ")
        bare = await client.call_tool("bare", {})
        assert bare.is_error
        assert "has no handler" in text_of(bare)
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("nothing", {})

        assert [each.name for each in (await client.list_prompts()).prompts] == ["greet"]
        got = await client.get_prompt("greet", {"name": "Ada {{language}}"})
        assert got.meta is not None
        assert got.meta[META_DIGEST] == digest_of(prompts)
        assert isinstance(got.messages[0].content, TextContent)
        assert got.messages[0].content.text == "Greet Ada {{language}} in , {{literally}}."
        with pytest.raises(MCPError, match="Missing arguments of prompt greet: name"):
            await client.get_prompt("greet", {})

        assert [each.uri for each in (await client.list_resources()).resources] == ["logo:///png", "note:///today"]
        templates = (await client.list_resource_templates()).resource_templates
        assert [each.uri_template for each in templates] == ["user:///{id}"]
        read = await client.read_resource("note:///today")
        assert read.meta is not None
        assert read.meta[META_DIGEST] == digest_of(resources)
        assert isinstance(read.contents[0], TextResourceContents)
        assert (read.contents[0].text, read.contents[0].mime_type) == ("Milk", "text/plain")
        (logo,) = (await client.read_resource("logo:///png")).contents
        assert isinstance(logo, BlobResourceContents)
        assert logo.blob == "iVBORw=="
        (user,) = (await client.read_resource("user:///7")).contents
        assert isinstance(user, TextResourceContents)
        assert user.text == "User 7"
        with pytest.raises(MCPError, match="Resource not found"):
            await client.read_resource("note:///tomorrow")


@both_eras
async def test_clients_are_told_of_a_change_once_it_is_served(volume: Volume, tmp_path: Path, mode: Mode) -> None:
    prompt = {"role": "user", "content": {"type": "text", "text": "Hi"}}
    volume.apply("t", TOOLS, {"hello": tool("Hello!")})
    volume.apply("p", PROMPTS, {"greet": ItemContent(messages=[prompt])})
    volume.apply("r", RESOURCES, {"today": ItemContent(definition=NOTE, text="Milk")})
    async with running(volume, tmp_path / "log") as server, watching(server, mode) as watcher:
        changed = {"hello": tool("Hello again!", description="Says hello"), "bye": tool("Bye!")}
        volume.apply("t", TOOLS, changed, version=2)
        await watcher.expect("tools")
        listed = await watcher.client.list_tools()
        assert [each.name for each in listed.tools] == ["bye", "hello"]
        assert listed.meta is not None
        assert (listed.meta[META_DIGEST], listed.meta[META_VERSION]) == (digest_of(changed), {"t": 2})
        assert text_of(await watcher.client.call_tool("hello", {})) == "Hello again!"

        volume.write("r", "resources/today", "Milk and bread")
        await watcher.expect(NOTE["uri"])
        (content,) = (await watcher.client.read_resource(NOTE["uri"])).contents
        assert isinstance(content, TextResourceContents)
        assert content.text == "Milk and bread"

        volume.write("r", "resources/new/deep/file.md", "# New")
        await watcher.expect("resources")
        uris = [each.uri for each in (await watcher.client.list_resources()).resources]
        assert uris == [NOTE["uri"], "resource:///new/deep/file.md"]

        volume.withdraw("p")
        await watcher.expect("prompts")
        assert (await watcher.client.list_prompts()).prompts == []
        assert watcher.told.count("tools") == 1


async def test_a_bad_item_stays_as_it_was_and_the_others_change(volume: Volume, tmp_path: Path) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1"), "b": tool("b1")})
    async with running(volume, tmp_path / "log") as server, watching(server, "2026-07-28") as watcher:
        volume.write("t", "tools/a.json", '{"definition":\n}')
        volume.write("t", "tools/c.json", {"definition": {"inputSchema": {"type": "string"}}})
        volume.write("t", "tools/b.json", {"definition": OBJECT, "handler": static("b2")})
        await watcher.expect("tools")
        assert [each.name for each in (await watcher.client.list_tools()).tools] == ["a", "b"]
        assert text_of(await watcher.client.call_tool("a", {})) == "a1"
        assert text_of(await watcher.client.call_tool("b", {})) == "b2"
        problems = (await server.health())["contexts"]["t"]["problems"]
        assert [problem.split(": ")[0] for problem in problems] == ["tools/a.json:2", "tools/c"]
        watcher.told.clear()
        volume.write("t", "tools/a.json", {"definition": OBJECT, "handler": static("a2")})
        await watcher.expect("tools")
        assert text_of(await watcher.client.call_tool("a", {})) == "a2"


async def test_a_module_with_an_error_stays_as_it_was(volume: Volume, tmp_path: Path) -> None:
    tools = {"a": ItemContent(definition=OBJECT, handler={"python": {}}, text="def run():\n    return 'one'\n")}
    volume.apply("t", TOOLS, tools)
    async with (
        running(volume, tmp_path / "log", MCPFED_ALLOW_PYTHON="1") as server,
        watching(server, "legacy") as watcher,
    ):
        volume.write("t", "tools/a.py", "def run(:\n")

        async def reported() -> bool:
            return bool((await server.health())["contexts"]["t"]["problems"])

        await until(reported)
        assert text_of(await watcher.client.call_tool("a", {})) == "one"
        volume.write("t", "tools/a.py", "def run():\n    raise SystemExit('no')\n")
        await watcher.expect("tools")
        failed = await watcher.client.call_tool("a", {})
        assert failed.is_error
        assert "SystemExit" in text_of(failed)


async def test_python_is_not_run_unless_it_is_allowed(volume: Volume, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    module = f"open({str(witness)!r}, 'w')\ndef run():\n    return 'ran'\n"
    volume.apply("t", TOOLS, {"a": ItemContent(definition=OBJECT, handler={"python": {}}, text=module)})
    async with running(volume, tmp_path / "log") as server, Client(f"{server.url}/mcp", mode="2026-07-28") as client:
        called = await client.call_tool("a", {})
        assert called.is_error
        assert "MCPFED_ALLOW_PYTHON=1" in text_of(called)
    assert not witness.exists()


async def test_an_http_handler_asks_its_endpoint(volume: Volume, tmp_path: Path) -> None:
    async def endpoint(request: web.Request) -> web.Response:
        given = await request.json()
        return (
            web.json_response({"sum": given["a"] + given["b"]}) if given["a"] else web.Response(status=500, text="no")
        )

    app = web.Application()
    app.router.add_post("/add", endpoint)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    tools = {
        "add": ItemContent(definition=ADD, handler={"http": {"url": f"{url}/add"}}),
        "gone": ItemContent(definition=OBJECT, handler={"http": {"url": f"{url}/gone", "method": "GET"}}),
    }
    volume.apply("t", TOOLS, tools)
    try:
        async with running(volume, tmp_path / "log") as server, Client(f"{server.url}/mcp", mode="legacy") as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).structured_content == {"sum": 3}
            broken = await client.call_tool("add", {"a": 0, "b": 2})
            assert (broken.is_error, text_of(broken)) == (True, "The endpoint answered 500: no")
            assert "answered 404" in text_of(await client.call_tool("gone", {}))
    finally:
        await runner.cleanup()


async def test_a_revision_is_served_only_when_it_is_written_completely(volume: Volume, tmp_path: Path) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1")})
    async with running(volume, tmp_path / "log") as server, watching(server, "2026-07-28") as watcher:
        with volume.writing("t", 2):
            volume.write("t", "tools/a.json", {"definition": OBJECT, "handler": static("a2")})
            volume.apply("other", TOOLS, {"b": tool("b1")})  # is served, which shows that the first event was seen
            await watcher.expect("tools")
            assert text_of(await watcher.client.call_tool("a", {})) == "a1"
            watcher.told.clear()
        await watcher.expect("tools")
        assert text_of(await watcher.client.call_tool("a", {})) == "a2"


async def test_an_unfinished_revision_is_read_after_a_while(volume: Volume, tmp_path: Path) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1")})
    with volume.writing("t", 2):
        async with running(volume, tmp_path / "log") as server, Client(f"{server.url}/mcp", cache=None) as client:

            async def served() -> bool:
                return bool((await client.list_tools()).tools)

            await until(served)
    assert "reading an unfinished revision" in (tmp_path / "log").read_text()


async def test_changes_are_served_where_files_cannot_be_watched(volume: Volume, tmp_path: Path) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1")})
    async with (
        running(volume, tmp_path / "log", without_inotify(*COMMAND)) as server,
        Client(f"{server.url}/mcp", cache=None) as client,
    ):
        assert text_of(await client.call_tool("a", {})) == "a1"
        volume.apply("t", TOOLS, {"a": tool("a2")}, version=2)
        volume.apply("new", TOOLS, {"b": tool("b1")})

        async def served() -> bool:
            names = [each.name for each in (await client.list_tools()).tools]
            return names == ["a", "b"] and text_of(await client.call_tool("a", {})) == "a2"

        await until(served)
    assert "fs.inotify.max_user_instances" in (tmp_path / "log").read_text()


async def test_contexts_of_one_type_are_served_together_and_the_first_wins(volume: Volume, tmp_path: Path) -> None:
    volume.apply("b", TOOLS, {"shared": tool("from b"), "only-b": tool("b")}, version=2)
    volume.apply("a", TOOLS, {"shared": tool("from a")}, version=7)
    async with running(volume, tmp_path / "log") as server, Client(f"{server.url}/mcp") as client:
        listed = await client.list_tools()
        assert [each.name for each in listed.tools] == ["only-b", "shared"]
        assert listed.meta is not None
        assert listed.meta[META_VERSION] == {"a": 7, "b": 2}
        assert text_of(await client.call_tool("shared", {})) == "from a"
        assert (await server.health())["hidden"] == ["b/shared: hidden by a/shared, which has the same name or URI"]


async def test_a_server_without_contexts_is_ready_and_serves_nothing(volume: Volume, tmp_path: Path) -> None:
    async with running(volume, tmp_path / "log") as server, Client(f"{server.url}/mcp") as client:
        assert (await client.list_tools()).tools == []
        assert await server.stop() == 0


@both_eras
async def test_sigterm_ends_open_streams_gracefully_within_two_seconds(
    volume: Volume, tmp_path: Path, mode: Mode
) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1")})
    async with running(volume, tmp_path / "log") as server:
        if mode == "2026-07-28":
            async with (
                Client(f"{server.url}/mcp", mode=mode) as client,
                client.listen(tools_list_changed=True) as events,
            ):
                began = time.monotonic()
                code, seconds = await server.stop(), time.monotonic() - began
                assert [event async for event in events] == [], "ended, not lost"
        else:
            async with watching(server, mode):
                began = time.monotonic()
                code, seconds = await server.stop(), time.monotonic() - began
        assert code == 0
        assert seconds < 2
    log = (tmp_path / "log").read_text()
    assert '"level": "error"' not in log, log


async def test_a_request_for_another_host_is_refused(volume: Volume, tmp_path: Path) -> None:
    async with running(volume, tmp_path / "log", MCPFED_ALLOWED_HOSTS="mcp.example, other") as server:
        assert await _status(server, "mcp.example:8000") == 200
        assert await _status(server, "evil.example") == 421


async def _status(server: Process, host: str) -> int:
    async with aiohttp.ClientSession() as session, _post(session, server, "tools/list", {"Host": host}) as response:
        return response.status


def _post(session: aiohttp.ClientSession, server: Process, method: str, headers: dict[str, str]) -> Any:
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return session.post(
        f"{server.url}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}},
        headers={
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
            **headers,
        },
    )


async def test_definitions_reach_clients_with_fields_that_the_sdk_does_not_know(volume: Volume, tmp_path: Path) -> None:
    definition = {**OBJECT, "invented": {"a": 1}, "annotations": {"readOnlyHint": True, "invented": 2}}
    volume.apply("t", TOOLS, {"a": ItemContent(definition=definition)})
    async with (
        running(volume, tmp_path / "log") as server,
        aiohttp.ClientSession() as session,
        _post(session, server, "tools/list", {}) as response,
    ):
        result = (await response.json())["result"]
    assert result["tools"] == [{**definition, "name": "a"}]
    assert (result["cacheScope"], result["resultType"]) == ("public", "complete")
    assert 0 < result["ttlMs"] <= 1000


async def test_the_tools_of_real_servers_are_served_alike_by_two_servers(tmp_path: Path) -> None:
    servers: dict[str, Any] = json.loads((ROOT / "examples" / "reference_servers.json").read_text())
    tools = {each["name"]: ItemContent(definition=each) for server in servers.values() for each in server["tools"]}
    digests: set[str] = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        volume = Volume(tmp_path / name)
        volume.apply("t", TOOLS, dict(sorted(tools.items(), reverse=name == "two")))
        async with running(volume, tmp_path / f"{name}.log") as server:
            for mode in ("2026-07-28", "legacy"):
                async with Client(f"{server.url}/mcp", mode=mode) as client:
                    listed = await client.list_tools()
                    assert [each.name for each in listed.tools] == sorted(tools)
                    assert len(listed.tools) == 52
                    assert listed.meta is not None
                    digests.add(listed.meta[META_DIGEST])
    assert digests == {digest_of(tools)}


async def test_payloads_are_not_logged(volume: Volume, tmp_path: Path) -> None:
    secret = "hunter2"
    volume.apply("t", TOOLS, {"a": tool(secret), "b": ItemContent(definition={"inputSchema": {"type": secret}})})
    volume.write("t", "tools/c.py", secret)
    volume.write("t", "resources/d", File(secret.encode()))
    async with running(volume, tmp_path / "log") as server, Client(f"{server.url}/mcp") as client:
        assert text_of(await client.call_tool("a", {})) == secret
        assert secret not in json.dumps(await server.health())
        assert await server.stop() == 0
    assert secret not in (tmp_path / "log").read_text()
