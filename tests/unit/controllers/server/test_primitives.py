"""Items become primitives only if every client can take them."""

from typing import Any

import pytest

from api.item import ContextType, ItemContent
from controllers.server.primitives import Prompt, Resource, Template, Tool, primitive_of
from core.values.canonical import content_digest

TOOLS, PROMPTS, RESOURCES = ContextType.TOOLS, ContextType.PROMPTS, ContextType.RESOURCES
OBJECT: dict[str, Any] = {"inputSchema": {"type": "object"}}


def of(kind: ContextType, **content: Any) -> Tool | Prompt | Resource | Template:
    return primitive_of(kind, "item", ItemContent.model_validate(content), allow_python=True)


def test_a_definition_is_kept_as_it_is_and_named_after_its_item() -> None:
    definition = {**OBJECT, "invented": [1]}
    tool = of(TOOLS, definition=definition)
    assert tool.definition == {**definition, "name": "item"}
    assert tool.digest == content_digest(ItemContent(definition=definition))


async def test_a_static_handler_is_the_result_itself() -> None:
    result = {"content": [{"type": "text", "text": "a"}]}
    tool = of(TOOLS, definition=OBJECT, handler={"static": result})
    assert isinstance(tool, Tool)
    assert await tool.handler({}) == result


def test_an_mcp_resource_has_the_media_type_of_its_definition_or_of_its_content() -> None:
    said = of(RESOURCES, definition={"uri": "a:b", "mimeType": "text/x"}, text="a", mediaType="text/y")
    derived = of(RESOURCES, definition={"uri": "a:b"}, data="AA==", mediaType="text/y")
    assert isinstance(said, Resource)
    assert said.contents == {"mimeType": "text/x", "text": "a"}
    assert isinstance(derived, Resource)
    assert derived.contents == {"mimeType": "text/y", "blob": "AA=="}


def test_a_template_needs_no_content() -> None:
    template = of(RESOURCES, definition={"uriTemplate": "a:{b}"})
    assert isinstance(template, Template)
    assert template.contents is None


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        (TOOLS, {"definition": {}}, "definition.inputSchema"),
        (TOOLS, {"definition": {"inputSchema": {"type": "object", "properties": {"a": {"type": 1}}}}}, "not a valid"),
        (TOOLS, {"definition": OBJECT, "handler": {}}, "handler: exactly one"),
        (TOOLS, {"definition": OBJECT, "handler": {"static": {}, "python": {}}}, "handler: exactly one"),
        (TOOLS, {"definition": OBJECT, "handler": {"magic": {}}}, "handler: neither"),
        (TOOLS, {"definition": OBJECT, "handler": {"static": {"content": 1}}}, "handler.static: content"),
        (TOOLS, {"definition": OBJECT, "handler": {"python": {}}}, "there is no tools/item.py"),
        (TOOLS, {"definition": OBJECT, "handler": {"python": {"entrypoint": 1}}}, "entrypoint"),
        (TOOLS, {"definition": OBJECT, "handler": {"http": {"url": "file:///etc"}}}, "handler.http.url"),
        (TOOLS, {"definition": OBJECT, "handler": {"http": {"url": "http://a", "method": "X"}}}, "handler.http.method"),
        (PROMPTS, {"definition": {}, "messages": [{"role": "system"}]}, "messages.0.role"),
        (RESOURCES, {"definition": {"uri": "none"}, "text": "a"}, "definition.uri"),
        (RESOURCES, {"definition": {"uriTemplate": "a:{"}}, "definition.uriTemplate"),
    ],
)
def test_an_item_that_cannot_be_served_says_why(kind: ContextType, content: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        of(kind, **content)
