"""What an MCP client of the official SDK sees: the same in every member, in both protocol eras."""

from __future__ import annotations

import pytest
from mcp.client import Client
from mcp_types import TextContent, TextResourceContents

from api.names import META_DIGEST
from examples.assistant.contexts import contexts
from kube.kinds import FEDERATED_CONTEXT
from tests.support.federation import Federation
from tests.support.fleet import SERVER, LocalFleet
from tests.support.mcp_clients import ERAS, Era

both_eras = pytest.mark.parametrize("era", ERAS)
DECLARED = {context["context_type"]: context["items"] for context in contexts()}


@both_eras
async def test_every_member_lists_the_same(fleet: LocalFleet, federation: Federation, era: Era) -> None:
    seen: list[object] = []
    for member in fleet.members:
        async with Client(fleet.endpoint(member), mode=era, cache=None) as client:
            tools, prompts = await client.list_tools(), await client.list_prompts()
            resources, templates = await client.list_resources(), await client.list_resource_templates()
        assert {each.name for each in tools.tools} == {item["name"] for item in DECLARED["tools"]}
        assert {each.name for each in prompts.prompts} == {item["name"] for item in DECLARED["prompts"]}
        assert len(resources.resources) + len(templates.resource_templates) == len(DECLARED["resources"])
        seen.append([listed.model_dump() for listed in (tools, prompts, resources, templates)])
        for kind, listed in {"tools": tools, "prompts": prompts, "resources": resources}.items():
            raw = await federation.control_plane.get(FEDERATED_CONTEXT, SERVER, f"{SERVER}-{kind}")
            assert raw is not None
            assert listed.meta is not None
            assert listed.meta[META_DIGEST] == raw["status"]["digest"]
    assert len(DECLARED["tools"]) == 52
    assert len(seen) >= 2
    assert all(each == seen[0] for each in seen)


@both_eras
async def test_every_member_answers_calls(fleet: LocalFleet, era: Era) -> None:
    for member in fleet.members:
        async with Client(fleet.endpoint(member), mode=era) as client:
            called = await client.call_tool("echo", {"message": "Hello"})
            (block,) = called.content
            assert isinstance(block, TextContent)
            assert block.text == "Echo from the federation."

            got = await client.get_prompt("args-prompt", {"city": "Ghent", "state": "Flanders"})
            assert isinstance(got.messages[0].content, TextContent)
            assert got.messages[0].content.text == "What is the weather like in Ghent Flanders?"

            for resource in (await client.list_resources()).resources:
                (contents,) = (await client.read_resource(resource.uri)).contents
                assert isinstance(contents, TextResourceContents)
                item = next(i for i in DECLARED["resources"] if i.get("definition", {}).get("uri") == resource.uri)
                assert contents.text == item.get("text")
