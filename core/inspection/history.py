"""History: what happened to a context and its items, by its retained revisions.

Every function takes the retained revisions of one context, oldest first; the last one is the head.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from api.context_revision import ConflictRecord, ContextRevisionSpec, RevisionItem
from api.dot import Dot
from core.inspection.difference import DifferenceKind

Key: TypeAlias = tuple[str, Dot]
"""Identity of a conflict: its item, and the change that was not kept."""


@dataclass(frozen=True)
class Entry:
    """One revision, and what it changed."""

    revision: ContextRevisionSpec
    items: dict[str, DifferenceKind]
    """Items that it holds differently from its parent. Where the parent is no longer retained: those that sites had
    changed, as changed."""

    @property
    def sites(self) -> list[str]:
        """Whose changes it took in."""
        return [cause.site for cause in self.revision.cause]


@dataclass(frozen=True)
class ItemVersion:
    """An item from one revision on, until the next ItemVersion."""

    revision: ContextRevisionSpec
    """The first that holds it so."""
    item: RevisionItem


class ConflictState(StrEnum):
    """What has become of a conflict."""

    OPEN = "open"
    """A person has to decide."""
    RESOLVED = "resolved"
    """Was open; an operator has decided."""
    RECORDED = "recorded"
    """Decided by the policy; the loser can be restored."""
    MERGED = "merged"
    """Both sides' changes are in what was kept."""


@dataclass(frozen=True)
class Conflict:
    """Two changes of one item that did not see each other, and what has become of it."""

    version: int
    """The first retained revision that records it."""
    timestamp: str
    record: ConflictRecord
    kept: RevisionItem | None
    """The item as that revision holds it; None if it holds no such item."""
    state: ConflictState


def entries(history: Sequence[ContextRevisionSpec]) -> list[Entry]:
    """What each revision changed."""
    before: ContextRevisionSpec | None = None
    found: list[Entry] = []
    for revision in history:
        found.append(Entry(revision, _changed(before, revision)))
        before = revision
    return found


def item_history(history: Sequence[ContextRevisionSpec], item: str) -> list[ItemVersion]:
    """Each change that became the item, tombstones included."""
    found: list[ItemVersion] = []
    for revision in history:
        held = next((candidate for candidate in revision.items if candidate.name == item), None)
        if held and (not found or found[-1].item.dot != held.dot):
            found.append(ItemVersion(revision, held))
    return found


def conflicts(history: Sequence[ContextRevisionSpec]) -> list[Conflict]:
    """Every conflict on record, oldest first. One that is open is in every revision until it is resolved."""
    found: dict[Key, Conflict] = {}
    opened = {_key(record) for record in history[-1].conflicts if record.open} if history else set[Key]()
    for revision in history:
        for record in revision.conflicts:
            kept = next((item for item in revision.items if item.name == record.item), None)
            conflict = Conflict(revision.version, revision.timestamp, record, kept, _state(record, opened))
            found.setdefault(_key(record), conflict)
    return list(found.values())


def _changed(before: ContextRevisionSpec | None, revision: ContextRevisionSpec) -> dict[str, DifferenceKind]:
    if before is None and revision.parent is not None:
        return dict.fromkeys(sorted({i for cause in revision.cause for i in cause.items}), DifferenceKind.CHANGED)
    old, new = _digests(before), _digests(revision)
    return {name: _kind(old, new, name) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}


def _kind(old: dict[str, str], new: dict[str, str], name: str) -> DifferenceKind:
    if name not in old:
        return DifferenceKind.ADDED
    return DifferenceKind.CHANGED if name in new else DifferenceKind.REMOVED


def _digests(revision: ContextRevisionSpec | None) -> dict[str, str]:
    return {item.name: item.digest for item in revision.items if item.digest} if revision else {}


def _key(record: ConflictRecord) -> Key:
    return (record.item, record.lost.dot)


def _state(record: ConflictRecord, opened: Container[Key]) -> ConflictState:
    if record.open:
        return ConflictState.OPEN if _key(record) in opened else ConflictState.RESOLVED
    return ConflictState.MERGED if record.merged else ConflictState.RECORDED
