"""Notifying clients of what has changed: the lists (`notifications/*/list_changed`) and single MCP resources.

The Reloader calls `announce` once the new catalog is served. The events go to the SDK's bus; from there its
ListenHandler brings them to clients since 2026-07-28, and HandshakeClients to those of the handshake era.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)

from controllers.server.catalog import Catalog
from controllers.server.primitives import Primitive

Publish = Callable[[ServerEvent], Awaitable[None]]
"""Brings an event to every client that listens."""


async def announce(before: Catalog, after: Catalog, publish: Publish) -> None:
    """Notifies clients of everything in which two catalogs differ; the second is what is served already."""
    for event in events(before, after):
        await publish(event)


def events(before: Catalog, after: Catalog) -> list[ServerEvent]:
    """What to notify clients of.

    The content of an MCP resource has a notification of its own; handlers of tools, messages of prompts and texts of
    templates have none, so a change of those counts as one of the list.
    """
    lists: list[ServerEvent] = []
    if _digests(before.tools) != _digests(after.tools):
        lists.append(ToolsListChanged())
    if _digests(before.prompts) != _digests(after.prompts):
        lists.append(PromptsListChanged())
    if _listed(before) != _listed(after):
        lists.append(ResourcesListChanged())
    both = before.resources.keys() & after.resources.keys()
    return lists + [
        ResourceUpdated(uri=uri)
        for uri in sorted(both)
        if before.resources[uri].contents != after.resources[uri].contents
    ]


def _digests(primitives: Mapping[str, Primitive]) -> dict[str, str]:
    return {key: primitive.digest for key, primitive in primitives.items()}


def _listed(catalog: Catalog) -> tuple[dict[str, Any], dict[str, str]]:
    return {uri: resource.definition for uri, resource in catalog.resources.items()}, _digests(catalog.templates)
