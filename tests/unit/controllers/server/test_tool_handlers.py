"""Whatever a handler gives, the client gets a valid result."""

from typing import Any

import pytest

from api.item import ContextType, ItemContent
from controllers.server import wire
from controllers.server.primitives import Tool, primitive_of


def python_tool(source: str) -> Tool:
    content = ItemContent(definition={"inputSchema": {"type": "object"}}, handler={"python": {}}, text=source)
    tool = primitive_of(ContextType.TOOLS, "t", content, allow_python=True)
    assert isinstance(tool, Tool)
    return tool


def text(value: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": value}]


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("'a'", {"content": text("a")}),
        ("{'a': 1}", {"content": text('{"a": 1}'), "structuredContent": {"a": 1}}),
        ("[1, None]", {"content": text("[1, null]")}),
        ("{'content': [{'type': 'text', 'text': 'a'}], 'isError': True}", {"content": text("a"), "isError": True}),
    ],
)
async def test_what_a_function_returns_becomes_a_result(expression: str, result: dict[str, Any]) -> None:
    assert await python_tool(f"def run():\n    return {expression}").handler({}) == result


async def test_a_result_of_the_sdk_is_taken() -> None:
    source = (
        "from mcp_types import CallToolResult, TextContent\n"
        "def run():\n    return CallToolResult(content=[TextContent(text='a')], is_error=True)"
    )
    result = await python_tool(source).handler({})
    assert (result["content"], result["isError"]) == (text("a"), True)


@pytest.mark.parametrize(
    "body",
    ["return {'content': [{'type': 'song'}]}", "return object()", "return {1, 2}", "raise KeyError('k')", "return x"],
)
async def test_a_function_that_gives_no_result_fails_for_the_caller_alone(body: str) -> None:
    result = await python_tool(f"def run():\n    {body}").handler({})
    assert result["isError"]
    assert wire.check("tools/call", result) == []


async def test_arguments_that_the_function_does_not_take_are_its_failure() -> None:
    assert (await python_tool("def run():\n    return 'a'").handler({"x": 1}))["isError"]
