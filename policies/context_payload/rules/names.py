"""What items are called."""

import re
from collections import Counter
from typing import Final

from api.item import ContextType
from policies.context_payload.declared import DeclaredContext
from policies.context_payload.rule import Faults

_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


def unique_names(context: DeclaredContext) -> Faults:
    """Within a payload, a name, a tool's or prompt's own name, and a URI each stand for one item."""
    for label, times in Counter(item.label for item in context.items).items():
        if times > 1:
            yield label, f"declared {times} times; names are unique in a payload"
    key = {"tools": "name", "prompts": "name"}.get(context.context_type, "uri")
    offered: dict[str, set[str]] = {}
    for item in context.items:
        if key in item.definition:
            offered.setdefault(str(item.definition[key]), set()).add(item.label)
    for value, labels in offered.items():
        if len(labels) > 1:
            others = " and ".join(repr(label) for label in sorted(labels))
            yield max(labels), f"definition.{key} {value!r} is offered by {others}; clients cannot distinguish them"


def tool_name(context: DeclaredContext) -> Faults:
    """R01: a tool's name is what every client accepts."""
    if context.context_type != ContextType.TOOLS:
        return
    for item in context.items:
        for name in dict.fromkeys((str(item.body.get("name", "")), str(item.definition.get("name", item.label)))):
            if not _TOOL_NAME.fullmatch(name):
                yield item.label, f"tool name {name!r}: use 1 to 128 of letters, digits, `.`, `_` and `-`"
