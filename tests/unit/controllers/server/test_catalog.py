"""The catalog is the union of contexts, and tells exactly what changed in it."""

from typing import Any

import pytest
from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)

from api.item import ContextType, ItemContent
from api.names import META_DIGEST, META_VERSION
from controllers.server.catalog import Catalog, changes
from controllers.server.primitives import primitive_of
from controllers.server.served_context import Entry, ServedContext
from controllers.server.volume import Applied
from core.values.canonical import content_digest, payload_digest

TOOLS, PROMPTS, RESOURCES = ContextType.TOOLS, ContextType.PROMPTS, ContextType.RESOURCES


def context(name: str, kind: ContextType, version: int = 1, **items: dict[str, Any]) -> ServedContext:
    entries = {
        item: Entry({}, primitive_of(kind, item, ItemContent.model_validate(content), allow_python=False))
        for item, content in items.items()
    }
    return ServedContext(name, Applied(context_type=kind, version=version), entries)


def tool(description: str = "", **content: Any) -> dict[str, Any]:
    return {"definition": {"inputSchema": {"type": "object"}, "description": description}, **content}


def note(uri: str, text: str = "", **definition: Any) -> dict[str, Any]:
    return {"definition": {"uri": uri, **definition}, "text": text}


def test_one_context_has_the_digest_of_its_payload_and_its_version() -> None:
    catalog = Catalog.of([context("c", TOOLS, 3, a=tool()), context("p", PROMPTS)])
    digest = payload_digest({"a": content_digest(ItemContent.model_validate(tool()))})
    assert catalog.meta[TOOLS] == {META_DIGEST: digest, META_VERSION: {"c": 3}}
    assert catalog.meta[PROMPTS][META_VERSION] == {"p": 1}


def test_lists_are_sorted_and_their_digest_does_not_depend_on_the_order_of_contexts() -> None:
    first, second = context("a", TOOLS, z=tool(), b=tool()), context("b", TOOLS, y=tool(), a=tool())
    catalog = Catalog.of([second, first])
    assert list(catalog.tools) == ["a", "b", "y", "z"]
    assert catalog.meta == Catalog.of([first, second]).meta


def test_the_first_context_by_name_wins_and_the_other_is_reported() -> None:
    catalog = Catalog.of([context("b", RESOURCES, x=note("u:1", "b")), context("a", RESOURCES, y=note("u:1", "a"))])
    assert catalog.resources["u:1"].contents["text"] == "a"
    assert catalog.hidden == ["b/x: hidden by a/y, which has the same name or URI"]


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (context("c", TOOLS, a=tool()), context("c", TOOLS, 2, a=tool()), []),
        (context("c", TOOLS, a=tool()), context("c", TOOLS, a=tool("new")), [ToolsListChanged()]),
        (
            context("c", TOOLS, a=tool()),
            context("c", TOOLS, a=tool(handler={"static": {"content": []}})),
            [ToolsListChanged()],
        ),
        (context("c", PROMPTS), context("c", PROMPTS, a={}), [PromptsListChanged()]),
        (context("c", RESOURCES, a=note("u:1")), context("c", RESOURCES, a=note("u:1", "x")), [ResourceUpdated("u:1")]),
        (context("c", RESOURCES, a=note("u:1")), context("c", RESOURCES, a=note("u:2")), [ResourcesListChanged()]),
        (
            context("c", RESOURCES, a=note("u:1")),
            context("c", RESOURCES, a=note("u:1", "x", title="t")),
            [ResourcesListChanged(), ResourceUpdated("u:1")],
        ),
        (
            context("c", RESOURCES, a={"definition": {"uriTemplate": "u:{x}"}, "text": "a"}),
            context("c", RESOURCES, a={"definition": {"uriTemplate": "u:{x}"}, "text": "b"}),
            [ResourcesListChanged()],
        ),
    ],
)
def test_clients_are_told_what_changed_and_nothing_else(
    before: ServedContext, after: ServedContext, events: list[ServerEvent]
) -> None:
    assert changes(Catalog.of([before]), Catalog.of([after])) == events
