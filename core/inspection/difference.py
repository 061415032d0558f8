"""Difference: which items two payloads hold differently, and how, as text that people read."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from api.context_revision import ContextRevisionSpec
from api.item import ItemContent
from core.values.canonical import content_digest


class DifferenceKind(StrEnum):
    """What became of an item."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class Difference:
    """One item that two payloads hold differently."""

    item: str
    before: ItemContent | None
    """None: there is no such item."""
    after: ItemContent | None

    @property
    def kind(self) -> DifferenceKind:
        """What became of the item."""
        if self.before is None:
            return DifferenceKind.ADDED
        return DifferenceKind.CHANGED if self.after else DifferenceKind.REMOVED


def live(revision: ContextRevisionSpec) -> dict[str, ItemContent]:
    """The payload of a revision: its items that are not deleted, by name."""
    return {item.name: item.content for item in revision.items if item.content is not None}


def differences(before: Mapping[str, ItemContent], after: Mapping[str, ItemContent]) -> list[Difference]:
    """The items whose content is not the same in both payloads, by name."""
    pairs = ((name, before.get(name), after.get(name)) for name in sorted({*before, *after}))
    return [Difference(*pair) for pair in pairs if not _is_same(*pair[1:])]


def unified(difference: Difference, before: str, after: str) -> list[str]:
    """The difference as a unified diff, line by line without line ends.

    An item is compared in two parts: its text, and all else as JSON with sorted keys.

    Args:
        difference: one item.
        before: what the first payload is called, such as `version 3`.
        after: what the second one is called.
    """
    lines: list[str] = []
    for part, old, new in (
        ("", _text(difference.before), _text(difference.after)),
        (" (definition)", _document(difference.before), _document(difference.after)),
    ):
        label = f"{difference.item}{part}"
        lines += difflib.unified_diff(old, new, f"{label}  {before}", f"{label}  {after}", lineterm="")
    return lines


def _is_same(one: ItemContent | None, other: ItemContent | None) -> bool:
    if one is None or other is None:
        return one is other
    return content_digest(one) == content_digest(other)


def _text(content: ItemContent | None) -> list[str]:
    """Its lines; a last one without line end says so, because it would look like one that has it."""
    if content is None or content.text is None:
        return []
    lines = content.text.split("\n")
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], lines[-1] + "\\ no newline at end"]


def _document(content: ItemContent | None) -> list[str]:
    if content is None:
        return []
    wire = content.wire()
    wire.pop("name", None)
    wire.pop("text", None)
    return json.dumps(wire, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
