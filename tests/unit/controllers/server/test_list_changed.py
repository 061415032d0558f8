"""Clients are notified of exactly what changed between two catalogs."""

import pytest
from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)

from controllers.server.catalog import Catalog
from controllers.server.list_changed import announce
from controllers.server.served_context import ServedContext
from tests.unit.controllers.server.contexts import PROMPTS, RESOURCES, TOOLS, context, note, tool


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
async def test_clients_are_notified_of_what_changed_and_of_nothing_else(
    before: ServedContext, after: ServedContext, events: list[ServerEvent]
) -> None:
    published: list[ServerEvent] = []

    async def publish(event: ServerEvent) -> None:
        published.append(event)

    await announce(Catalog.of([before]), Catalog.of([after]), publish)
    assert published == events
