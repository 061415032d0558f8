"""Contexts of the tests, as they are served."""

from typing import Any

from api.item import ContextType, ItemContent
from controllers.server.primitives import primitive_of
from controllers.server.served_context import Entry, ServedContext
from controllers.server.volume import Applied

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
