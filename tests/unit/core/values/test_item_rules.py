"""core.values.item_rules: the items that would break a list for everybody are refused, all others pass."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.item import ContextType, ItemContent
from core.values.item_rules import check

TOOLS, PROMPTS, RESOURCES = ContextType.TOOLS, ContextType.PROMPTS, ContextType.RESOURCES
REFERENCE = Path(__file__).parents[4] / "examples" / "reference_servers.json"
OBJECT = {"inputSchema": {"type": "object"}}
SAYS_TEXT = {"role": "user", "content": {"type": "text", "text": "Hello"}}


def tool(**definition: Any) -> ItemContent:
    return ItemContent(definition=definition)


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        ({"title": "a"}, "definition.inputSchema"),
        ({"inputSchema": {"title": "a"}}, "definition.inputSchema.type"),
        ({"inputSchema": {"type": "string"}}, "definition.inputSchema.type"),
        ({"inputSchema": {"type": "object", "properties": ["a"]}}, "definition.inputSchema.properties"),
        ({"inputSchema": {"type": "object", "required": "a"}}, "definition.inputSchema.required"),
        ({**OBJECT, "outputSchema": {"type": "string"}}, "definition.outputSchema.type"),
        ({**OBJECT, "annotations": {"readOnlyHint": "maybe"}}, "definition.annotations.readOnlyHint"),
        ({**OBJECT, "annotations": {"readOnlyHint": 1}}, "definition.annotations.readOnlyHint"),
        ({**OBJECT, "name": "other"}, "definition.name"),
        ({**OBJECT, "description": 1}, "definition.description"),
        ({**OBJECT, "icons": [{"theme": "dark"}]}, "definition.icons.0.src"),
        ({**OBJECT, "_meta": ["a"]}, "definition._meta"),
        ({**OBJECT, "execution": {"taskSupport": "no"}}, "definition.execution.taskSupport"),
    ],
)
def test_a_tool_that_would_break_tools_list_is_refused(definition: dict[str, Any], place: str) -> None:
    assert [problem.split(": ")[0] for problem in check(TOOLS, "add", tool(**definition))] == [place]


def test_a_tools_module_must_be_text() -> None:
    assert check(TOOLS, "add", ItemContent(definition=OBJECT, data="AA=="))


def test_unknown_fields_are_nobodys_business() -> None:
    assert check(TOOLS, "add", tool(**OBJECT, name="add", invented={"a": 1}, annotations={"invented": 1})) == []


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (ItemContent(definition={"arguments": [{"required": True}]}), "definition.arguments.0.name"),
        (ItemContent(definition={"arguments": {"a": 1}}), "definition.arguments"),
        (ItemContent(definition={"name": "other"}), "definition.name"),
        (ItemContent(messages=[{**SAYS_TEXT, "role": "system"}]), "messages.0.role"),
        (ItemContent(messages=[{"role": "user", "content": []}]), "messages.0.content"),
        (ItemContent(messages=[SAYS_TEXT, {"role": "user"}]), "messages.1.content"),
        (ItemContent(messages=[{"role": "user", "content": {"type": "text"}}]), "messages.0.content.text.text"),
        (ItemContent(messages=[{"role": "user", "content": {"type": "song"}}]), "messages.0.content"),
        (ItemContent(text="a"), "text, data"),
    ],
)
def test_a_prompt_that_would_break_prompts_is_refused(content: ItemContent, place: str) -> None:
    assert [problem.split(": ")[0] for problem in check(PROMPTS, "greet", content)] == [place]


def test_every_kind_of_content_block_may_be_in_a_prompt() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "a", "annotations": {"audience": ["user"], "priority": 1}},
        {"type": "image", "data": "AA==", "mimeType": "image/png"},
        {"type": "audio", "data": "AA==", "mimeType": "audio/wav"},
        {"type": "resource_link", "uri": "a:b", "name": "b"},
        {"type": "resource", "resource": {"uri": "a:b", "text": "t"}},
        {"type": "resource", "resource": {"uri": "a:b", "blob": "AA=="}},
    ]
    messages = [{"role": "assistant", "content": block} for block in blocks]
    assert check(PROMPTS, "greet", ItemContent(messages=messages)) == []


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (ItemContent(text="a"), "definition"),
        (ItemContent(definition={"uri": "a:b", "uriTemplate": "a:{b}"}, text="a"), "definition"),
        (ItemContent(definition={"uri": "no-scheme"}, text="a"), "definition.uri"),
        (ItemContent(definition={"uriTemplate": "{id}"}), "definition.uriTemplate"),
        (ItemContent(definition={"uri": "a:b"}), "text, data"),
        (ItemContent(definition={"uri": "a:b"}, data="A"), "data"),
        (
            ItemContent(definition={"uri": "a:b", "annotations": {"priority": 2}}, text=""),
            "definition.annotations.priority",
        ),
        (ItemContent(definition={"uri": "a:b", "size": 1.5}, text=""), "definition.size"),
    ],
)
def test_a_resource_that_would_break_resources_is_refused(content: ItemContent, place: str) -> None:
    assert [problem.split(": ")[0] for problem in check(RESOURCES, "a", content)] == [place]


def test_problems_never_quote_the_payload() -> None:
    secret = "hunter2"
    assert secret not in str(check(TOOLS, "add", tool(inputSchema=secret, annotations={"readOnlyHint": secret})))


def test_all_items_of_the_reference_servers_pass() -> None:
    servers: dict[str, Any] = json.loads(REFERENCE.read_text())
    for server in servers.values():
        for definition in server["tools"]:
            assert check(TOOLS, definition["name"], tool(**definition)) == []
