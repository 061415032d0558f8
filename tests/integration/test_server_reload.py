"""The MCP server as a process: what changes on its volume is served at once, whole, and clients are notified."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp.client import Client
from mcp_types import (
    TextResourceContents,
)

from api.item import ItemContent
from api.names import META_DIGEST, META_VERSION
from tests.support.inotify import without_inotify
from tests.support.mcp_clients import Era, watching
from tests.support.mcp_server import (
    COMMAND,
    NOTE,
    OBJECT,
    PROMPTS,
    RESOURCES,
    TOOLS,
    both_eras,
    running,
    static,
    text_of,
    tool,
    until,
)
from tests.support.volume import Volume, digest_of

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


@both_eras
async def test_clients_are_notified_of_a_change_once_it_is_served(volume: Volume, tmp_path: Path, mode: Era) -> None:
    prompt = {"role": "user", "content": {"type": "text", "text": "Hi"}}
    volume.apply("t", TOOLS, {"hello": tool("Hello!")})
    volume.apply("p", PROMPTS, {"greet": ItemContent(messages=[prompt])})
    volume.apply("r", RESOURCES, {"today": ItemContent(definition=NOTE, text="Milk")})
    async with running(volume, tmp_path / "log") as server, watching(server.endpoint, mode, [NOTE["uri"]]) as watcher:
        capabilities = watcher.client.server_capabilities.tools
        assert mode != "legacy" or (capabilities and capabilities.list_changed)
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
        assert watcher.changed.count("tools") == 1


async def test_a_bad_item_stays_as_it_was_and_the_others_change(volume: Volume, tmp_path: Path) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1"), "b": tool("b1")})
    async with running(volume, tmp_path / "log") as server, watching(server.endpoint, "2026-07-28") as watcher:
        volume.write("t", "tools/a.json", '{"definition":\n}')
        volume.write("t", "tools/c.json", {"definition": {"inputSchema": {"type": "string"}}})
        volume.write("t", "tools/b.json", {"definition": OBJECT, "handler": static("b2")})
        await watcher.expect("tools")
        assert [each.name for each in (await watcher.client.list_tools()).tools] == ["a", "b"]
        assert text_of(await watcher.client.call_tool("a", {})) == "a1"
        assert text_of(await watcher.client.call_tool("b", {})) == "b2"
        problems = (await server.health())["contexts"]["t"]["problems"]
        assert [problem.split(": ")[0] for problem in problems] == ["tools/a.json:2", "tools/c"]
        watcher.changed.clear()
        volume.write("t", "tools/a.json", {"definition": OBJECT, "handler": static("a2")})
        await watcher.expect("tools")
        assert text_of(await watcher.client.call_tool("a", {})) == "a2"


async def test_a_module_with_an_error_stays_as_it_was(volume: Volume, tmp_path: Path) -> None:
    tools = {"a": ItemContent(definition=OBJECT, handler={"python": {}}, text="def run():\n    return 'one'\n")}
    volume.apply("t", TOOLS, tools)
    async with (
        running(volume, tmp_path / "log", MCPFED_ALLOW_PYTHON="1") as server,
        watching(server.endpoint, "legacy") as watcher,
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


async def test_a_revision_is_served_only_when_it_is_written_completely(volume: Volume, tmp_path: Path) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1")})
    async with running(volume, tmp_path / "log") as server, watching(server.endpoint, "2026-07-28") as watcher:
        with volume.writing("t", 2):
            volume.write("t", "tools/a.json", {"definition": OBJECT, "handler": static("a2")})
            volume.apply("other", TOOLS, {"b": tool("b1")})  # is served, which shows that the first event was seen
            await watcher.expect("tools")
            assert text_of(await watcher.client.call_tool("a", {})) == "a1"
            watcher.changed.clear()
        await watcher.expect("tools")
        assert text_of(await watcher.client.call_tool("a", {})) == "a2"


async def test_an_unfinished_revision_is_read_after_a_while(volume: Volume, tmp_path: Path) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1")})
    with volume.writing("t", 2):
        async with running(volume, tmp_path / "log") as server, Client(server.endpoint, cache=None) as client:

            async def served() -> bool:
                return bool((await client.list_tools()).tools)

            await until(served)
    assert "reading an unfinished revision" in (tmp_path / "log").read_text()


async def test_changes_are_served_where_files_cannot_be_watched(volume: Volume, tmp_path: Path) -> None:
    volume.apply("t", TOOLS, {"a": tool("a1")})
    async with (
        running(volume, tmp_path / "log", without_inotify(*COMMAND)) as server,
        Client(server.endpoint, cache=None) as client,
    ):
        assert text_of(await client.call_tool("a", {})) == "a1"
        volume.apply("t", TOOLS, {"a": tool("a2")}, version=2)
        volume.apply("new", TOOLS, {"b": tool("b1")})

        async def served() -> bool:
            names = [each.name for each in (await client.list_tools()).tools]
            return names == ["a", "b"] and text_of(await client.call_tool("a", {})) == "a2"

        await until(served)
    assert "fs.inotify.max_user_instances" in (tmp_path / "log").read_text()
