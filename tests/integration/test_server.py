"""The MCP server as a process, over a real volume, with the official SDK's client in both protocol eras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    BlobResourceContents,
    TextContent,
    TextResourceContents,
)

from api.item import ItemContent
from api.names import META_DIGEST, META_VERSION
from tests.support.mcp_clients import Era
from tests.support.mcp_server import (
    NOTE,
    OBJECT,
    PROMPTS,
    REPOSITORY,
    RESOURCES,
    TOOLS,
    both_eras,
    running,
    text_of,
    tool,
)
from tests.support.volume import Volume, digest_of

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
ADD = {
    "description": "Adds",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}


@both_eras
async def test_every_primitive_of_the_contexts_is_served(volume: Volume, tmp_path: Path, mode: Era) -> None:
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
        Client(server.endpoint, mode=mode) as client,
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


async def test_python_is_not_run_unless_it_is_allowed(volume: Volume, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    module = f"open({str(witness)!r}, 'w')\ndef run():\n    return 'ran'\n"
    volume.apply("t", TOOLS, {"a": ItemContent(definition=OBJECT, handler={"python": {}}, text=module)})
    async with running(volume, tmp_path / "log") as server, Client(server.endpoint, mode="2026-07-28") as client:
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
        async with running(volume, tmp_path / "log") as server, Client(server.endpoint, mode="legacy") as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).structured_content == {"sum": 3}
            broken = await client.call_tool("add", {"a": 0, "b": 2})
            assert (broken.is_error, text_of(broken)) == (True, "The endpoint answered 500: no")
            assert "answered 404" in text_of(await client.call_tool("gone", {}))
    finally:
        await runner.cleanup()


async def test_contexts_of_one_type_are_served_together_and_the_first_wins(volume: Volume, tmp_path: Path) -> None:
    volume.apply("b", TOOLS, {"shared": tool("from b"), "only-b": tool("b")}, version=2)
    volume.apply("a", TOOLS, {"shared": tool("from a")}, version=7)
    async with running(volume, tmp_path / "log") as server, Client(server.endpoint) as client:
        listed = await client.list_tools()
        assert [each.name for each in listed.tools] == ["only-b", "shared"]
        assert listed.meta is not None
        assert listed.meta[META_VERSION] == {"a": 7, "b": 2}
        assert text_of(await client.call_tool("shared", {})) == "from a"
        assert (await server.health())["hidden"] == ["b/shared: hidden by a/shared, which has the same name or URI"]


async def test_definitions_reach_clients_with_fields_that_the_sdk_does_not_know(volume: Volume, tmp_path: Path) -> None:
    definition = {**OBJECT, "invented": {"a": 1}, "annotations": {"readOnlyHint": True, "invented": 2}}
    volume.apply("t", TOOLS, {"a": ItemContent(definition=definition)})
    async with (
        running(volume, tmp_path / "log") as server,
        aiohttp.ClientSession() as session,
        server.post(session, "tools/list") as response,
    ):
        result = (await response.json())["result"]
    assert result["tools"] == [{**definition, "name": "a"}]
    assert (result["cacheScope"], result["resultType"]) == ("public", "complete")
    assert 0 < result["ttlMs"] <= 1000


async def test_the_tools_of_real_servers_are_served_alike_by_two_servers(tmp_path: Path) -> None:
    servers: dict[str, Any] = json.loads((REPOSITORY / "examples" / "reference_servers.json").read_text())
    tools = {each["name"]: ItemContent(definition=each) for server in servers.values() for each in server["tools"]}
    digests: set[str] = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        volume = Volume(tmp_path / name)
        volume.apply("t", TOOLS, dict(sorted(tools.items(), reverse=name == "two")))
        async with running(volume, tmp_path / f"{name}.log") as server:
            for mode in ("2026-07-28", "legacy"):
                async with Client(server.endpoint, mode=mode) as client:
                    listed = await client.list_tools()
                    assert [each.name for each in listed.tools] == sorted(tools)
                    assert len(listed.tools) == 52
                    assert listed.meta is not None
                    digests.add(listed.meta[META_DIGEST])
    assert digests == {digest_of(tools)}
