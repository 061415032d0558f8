"""The contents of items."""

import base64

from api.item import ContextType
from policies.context_payload.declared import DeclaredContext, DeclaredItem
from policies.context_payload.rule import Faults


def content(context: DeclaredContext) -> Faults:
    """R22: an MCP resource has exactly one content, well encoded, of the size it states."""
    for item in context.items:
        given = [key for key in ("text", "data") if item.body.get(key) is not None]
        template = "uriTemplate" in item.definition
        if len(given) == 2 or (not given and context.context_type == ContextType.RESOURCES and not template):
            yield item.label, f"has {' and '.join(given) or 'no content'}; exactly one of text and data is needed"
            continue
        try:
            raw = raw_content(item)
        except ValueError as error:
            yield item.label, f"data is not base64: {error}"
            continue
        stated = item.definition.get("size")
        if raw is not None and stated is not None and stated != len(raw):
            yield item.label, f"definition.size is {stated}, the content has {len(raw)} bytes"


def raw_content(item: DeclaredItem) -> bytes | None:
    """The bytes of an item's content, None where it has none.

    Raises:
        ValueError: `data` is not base64.
    """
    if item.body.get("text") is not None:
        return str(item.body["text"]).encode()
    if item.body.get("data") is not None:
        return base64.b64decode(str(item.body["data"]), validate=True)
    return None
