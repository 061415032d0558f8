"""three_way: an item's content with the changes that two sides made to a common base, if they do not clash.

Everything but the content merges by structure. A text merges by what it holds: JSON and YAML by structure, anything
else by line; bytes only by choosing the side that changed.
"""

from typing import Any, Final

from pydantic import ValidationError

from api.item import FREE_FORM_LIST, ItemContent
from core.merging.lines import merge_lines
from core.merging.structure import Mark, merge_json, merge_values, pick, same
from core.merging.yaml import merge_yaml

_FIELDS: Final = set(ItemContent.model_fields)
_BODY: Final = ("text", "data")


def three_way(base: ItemContent | None, ours: ItemContent, theirs: ItemContent, name: str = "") -> ItemContent | None:
    """The content with both sides' changes since the base.

    A change is taken whole or not at all: the result has every member, element and line as the one side that changed it
    has it; what both changed differently, or one deleted and the other changed, is a clash. Swapping the sides changes
    at most the order of what both added, and the formatting.

    Args:
        base: what both sides started from; None if that is not known, then only equal contents merge
        ours: one side; its order and formatting are kept
        theirs: the other side
        name: of the item; its extension says what a text holds if no media type does

    Returns:
        The merged content, or None if the sides clash, or their merge is too large or too deep to be an item.
    """
    try:
        return _three_way(base, ours, theirs, name)
    except (RecursionError, ValidationError):
        return None


def _three_way(base: ItemContent | None, ours: ItemContent, theirs: ItemContent, name: str) -> ItemContent | None:
    wires = [_wire(content) for content in (ours, theirs)]
    if base is None:
        return ours if same(*wires) else None
    wires.insert(0, _wire(base))
    bodies = [{key: wire.pop(key) for key in _BODY if key in wire} for wire in wires]
    merged = merge_values(*wires)
    if merged is Mark.CLASH or not _is_whole(merged, wires):
        return None
    body = _merge_bodies(bodies, _kind(merged, name))
    return None if body is Mark.CLASH else ItemContent.model_validate({**merged, **body})


def _wire(content: ItemContent) -> dict[str, Any]:
    return content.model_dump(mode="json", by_alias=True, exclude_none=True, include=_FIELDS)


def _is_whole(merged: dict[str, Any], wires: list[dict[str, Any]]) -> bool:
    """Whether the parts fit: a handler answers in one way, and there are not more messages than an item may have."""
    kinds = [wire.get("handler", {}).keys() for wire in wires]
    return merged.get("handler", {}).keys() in kinds and len(merged.get("messages", ())) <= FREE_FORM_LIST["maxItems"]


def _merge_bodies(bodies: list[dict[str, str]], kind: str) -> Any:
    picked = pick(*bodies)
    if picked is not Mark.CLASH or not all("text" in body for body in bodies):
        return picked
    merge = {"json": merge_json, "yaml": merge_yaml}.get(kind, merge_lines)
    text = merge(*(body["text"] for body in bodies))
    return Mark.CLASH if text is None else {"text": text}


def _kind(content: dict[str, Any], name: str) -> str:
    """What a text holds: the last word of its media type (`application/schema+json`) or else the name's extension."""
    media_type = content["definition"].get("mimeType") or content.get("mediaType") or ""
    subtype = str(media_type).partition(";")[0].strip().lower().rpartition("/")[2]
    declared = subtype.rpartition("+")[2].removeprefix("x-")
    kind = declared if declared in ("json", "yaml") else name.lower().rpartition("/")[2].rpartition(".")[2]
    return "yaml" if kind == "yml" else kind
