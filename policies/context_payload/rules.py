"""The rules of the pack: pure functions from a declared context to what breaks them."""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from pydantic import ValidationError

from api.item import ContextType, Item
from api.names import INLINE_LIMIT_BYTES
from core.values import item_rules
from core.values.canonical import size
from policies.context_payload.payload import DeclaredContext, DeclaredItem


class Violation(NamedTuple):
    """What breaks a rule, and where."""

    context: str
    item: str | None
    """None: the context as a whole."""
    message: str

    def __str__(self) -> str:
        """For people, as Pulumi prints it."""
        where = f"context {self.context!r}" + (f", item {self.item!r}" if self.item else "")
        return f"{where}: {self.message}"


class Rule(NamedTuple):
    """A rule and its description."""

    description: str
    check: Callable[[DeclaredContext], list[Violation]]


Faults = Iterator[tuple[str | None, str]]
"""Item (None: the context) and message."""

_CONTEXT_TYPES: Final = frozenset(each.value for each in ContextType)
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.DOTALL)
_FORBIDDEN_SCHEMES: Final = ("javascript:", "vbscript:", "data:")
_TRAVERSAL: Final = re.compile(r"(^|[/\\:])\.\.([/\\?#]|$)")


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
            yield max(labels), f"definition.{key} {value!r} is offered by {others}; clients could not tell them apart"


def tool_name(context: DeclaredContext) -> Faults:
    """R01: a tool's name is what every client accepts."""
    if context.context_type != ContextType.TOOLS:
        return
    for item in context.items:
        for name in dict.fromkeys((str(item.body.get("name", "")), str(item.definition.get("name", item.label)))):
            if not _TOOL_NAME.fullmatch(name):
                yield item.label, f"tool name {name!r}: use 1 to 128 of letters, digits, `.`, `_` and `-`"


def shape(context: DeclaredContext) -> Faults:
    """R02: no item has a shape that makes a client refuse the whole list, e.g. an inputSchema that is no object's."""
    for item in context.items:
        try:
            content = Item.model_validate(item.body).content
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False, include_context=False):
                yield item.label, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ")
            continue
        if context.context_type == ContextType.RESOURCES:
            content = content.model_copy(update={"text": "", "data": None})  # content is judged by r22
        if context.context_type in _CONTEXT_TYPES:
            for fault in item_rules.check(ContextType(context.context_type), item.label, content):
                yield item.label, fault


def uri(context: DeclaredContext) -> Faults:
    """R21: a URI has a scheme, is no script, and leads nowhere else."""
    if context.context_type != ContextType.RESOURCES:
        return
    for item in context.items:
        for key in ("uri", "uriTemplate"):
            if (value := item.definition.get(key)) is not None and (fault := uri_fault(str(value))):
                yield item.label, f"definition.{key}: {fault}"


def uri_fault(value: str) -> str | None:
    """What is wrong with a URI or URI template, if anything."""
    if not _SCHEME.fullmatch(value):
        return f"{value!r} has no scheme; write e.g. resource:///{value}"
    decoded = unquote(unquote(value))
    if decoded.lower().startswith(_FORBIDDEN_SCHEMES):
        return f"the scheme of {value[:40]!r} carries content or script; give the content as text or data"
    if _TRAVERSAL.search(decoded):
        return f"{value!r} climbs with `..`; write the path that is meant"
    return None


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


def payload_size(context: DeclaredContext) -> Faults:
    """R23: the payload is small enough to be stored in every member and in every revision."""
    total = _size(context.payload)
    if total > INLINE_LIMIT_BYTES:
        largest = max(context.items, key=lambda item: _size(item.body), default=None)
        advice = "it is the largest; split the context" if largest else "split the context"
        yield largest and largest.label, f"the payload has {total} bytes, the limit is {INLINE_LIMIT_BYTES}; {advice}"


def _size(value: Any) -> int:
    """Bytes as canonical JSON; without limit for what cannot be written as such."""
    try:
        return size(value)
    except ValueError:
        return INLINE_LIMIT_BYTES * 2


def _rule(faults: Callable[[DeclaredContext], Faults]) -> Rule:
    def check(context: DeclaredContext) -> list[Violation]:
        return [Violation(context.name, item, message) for item, message in faults(context)]

    return Rule((faults.__doc__ or "").strip(), check)


RULES: Final = {
    "unique-names": _rule(unique_names),
    "r01-tool-name": _rule(tool_name),
    "r02-shape": _rule(shape),
    "r21-uri": _rule(uri),
    "r22-content": _rule(content),
    "r23-size": _rule(payload_size),
}
"""The pack's policies by name."""
