"""merge: the changes of all sites into the head, item by item; nothing is dropped silently.

What wins is decided in `core.hub.decide`; what loses goes into the revision, where it can be restored. A change that
the head's version vector already includes does nothing, so re-delivery, duplication and reordering of proposals are
harmless.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from api.context_replica import Change
from api.context_revision import Cause, ConflictRecord, ContextRevisionSpec, Loser, RevisionItem
from api.dot import Dot
from api.federated_context import ConflictPolicyName, FederatedContextSpec
from api.item import ItemContent
from api.names import MERGE_SITE, OPERATOR_SITE
from core.hub.decide import decide_concurrent, direction_for, is_fast_forward, is_refused, kind_of
from core.values import canonical, clock, version_vector
from core.values.canonical import content_digest

MERGED_FROM_LIMIT: Final = 64
"""Changes that are named as the origin of a merged item; of more, the latest."""


@dataclass(frozen=True)
class Merger:
    """Who merges, and when: a running controller is a site of its own."""

    incarnation: str
    """Never used again once the store may have lost what this one wrote."""
    now_millis: int
    recently_seen: frozenset[str] = frozenset()
    """Sites that some replica named recently, even if none names them now."""

    @property
    def site(self) -> str:
        """Site of merged contents."""
        return f"{MERGE_SITE}#{self.incarnation}"


@dataclass
class Merge:
    """The state after the changes: what the next revision will hold."""

    items: dict[str, RevisionItem]
    vector: dict[str, str]
    causes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    conflicts: list[ConflictRecord] = field(default_factory=list[ConflictRecord])

    @classmethod
    def after(cls, head: ContextRevisionSpec | None) -> "Merge":
        """The head's own state; conflicts that are open stay open."""
        if head is None:
            return cls({}, {})
        opened = [record for record in head.conflicts if record.open]
        return cls({item.name: item for item in head.items}, dict(head.version_vector), conflicts=opened)

    @property
    def size(self) -> int:
        """Bytes of the payload, as canonical JSON."""
        return canonical.size([item.content.wire() for item in self.items.values() if item.content])

    @property
    def cause(self) -> list[Cause]:
        """Which sites' changes were taken in."""
        return [Cause(site=site, items=sorted(set(items))) for site, items in sorted(self.causes.items())]


def merge(
    history: Sequence[ContextRevisionSpec], changes: Iterable[Change], spec: FederatedContextSpec, merger: Merger
) -> Merge | None:
    """Takes in every change that the head does not include yet, in the order of their clocks.

    Args:
        history: retained revisions, oldest first; the last is the head.
        changes: of all sites, in any order, any number of times.
        spec: policies and directions.
        merger: who merges.

    Returns:
        The merged state, or None if there was nothing new.
    """
    head = history[-1] if history else None
    seen = head.version_vector if head else {}
    new = sorted((c for c in changes if not version_vector.includes(seen, c.dot)), key=lambda c: c.dot.order)
    if not new:
        return None
    state = Merge.after(head)
    for change in new:
        state.vector[change.dot.site] = change.dot.hlc
        state.causes.setdefault(change.dot.site, []).append(change.item)
        _take_in(state, change, history, spec, merger)
    return state


def _take_in(
    state: Merge,
    change: Change,
    history: Sequence[ContextRevisionSpec],
    spec: FederatedContextSpec,
    merger: Merger,
) -> None:
    """Takes in one change that is new."""
    held, revised = state.items.get(change.item), revised_item(change)
    if refused(state, revised, change.base_dot, spec):
        return
    if kind_of(change.dot.site) == OPERATOR_SITE:
        state.conflicts = [_closed(found) if found.item == change.item else found for found in state.conflicts]
    if held is None or is_fast_forward(held, revised, change.base_dot):
        state.items[change.item] = revised
    elif held.digest == revised.digest:
        state.items[change.item] = revised if change.dot.order > held.dot.order else held
    else:
        base = _common_ancestor(history, held, change)
        settle_concurrent(state, held, revised, base, change.base_dot, spec, merger)


def refused(state: Merge, revised: RevisionItem, base_dot: Dot | None, spec: FederatedContextSpec) -> bool:
    """Whether the item's direction refuses a change; then it is on record, unless it changes nothing."""
    held = state.items.get(revised.name)
    if not is_refused(spec, revised.name, revised.dot, new=held is None):
        return False
    if held is None or held.digest != revised.digest:
        record(state, held or revised, revised, base_dot, direction_for(spec, revised.name))
    return True


def settle_concurrent(
    state: Merge,
    held: RevisionItem,
    revised: RevisionItem,
    base: ItemContent | None,
    base_dot: Dot | None,
    spec: FederatedContextSpec,
    merger: Merger,
) -> None:
    """Takes in a change whose writer had not seen the head's item: both are merged, or one is kept and one recorded."""
    decision = decide_concurrent(held, revised, base, spec, merger.now_millis)
    if decision.merged is not None:
        kept, lost = _merged_item(state, held, revised, decision.merged, merger), revised
    else:
        kept, lost = (revised, held) if decision.is_replaced else (held, revised)
    state.items[held.name] = kept
    opened, merged = decision.policy is ConflictPolicyName.MANUAL, decision.merged is not None
    record(state, kept, lost, base_dot, decision.policy, opened=opened, merged=merged)


def _closed(found: ConflictRecord) -> ConflictRecord:
    """An operator has decided, maybe without having seen this conflict: the loser stays on record."""
    return found.model_copy(update={"open": False})


def _common_ancestor(history: Sequence[ContextRevisionSpec], held: RevisionItem, change: Change) -> ItemContent | None:
    """The newest content that both the head's item and the change stand on, if it is retained.

    A head that was merged from an earlier change of this writer stands on that; else both stand on what the writer saw.
    """
    own = [dot for dot in held.merged_from or [] if dot.site == change.dot.site]
    wanted = max(own, key=lambda dot: dot.hlc, default=change.base_dot)
    for revision in reversed(history):
        for item in revision.items:
            if item.name == held.name and item.dot == wanted:
                return item.content
        for found in revision.conflicts:
            if found.item == held.name and found.lost.dot == wanted:
                return found.lost.content
    return None


def _merged_item(
    state: Merge, held: RevisionItem, revised: RevisionItem, content: ItemContent, merger: Merger
) -> RevisionItem:
    hlc = clock.tick(clock.latest(state.vector.values()), merger.now_millis)
    state.vector[merger.site] = hlc
    parents = [*(held.merged_from or [held.dot]), *(revised.merged_from or [revised.dot])]
    return RevisionItem(
        name=held.name,
        digest=content_digest(content),
        content=content,
        dot=Dot(site=merger.site, hlc=hlc),
        merged_from=parents[-MERGED_FROM_LIMIT:],
    )


def revised_item(change: Change) -> RevisionItem:
    """The item as a change wants it."""
    if change.content is None:
        return RevisionItem(name=change.item, deleted=True, dot=change.dot)
    digest = content_digest(change.content)
    return RevisionItem(name=change.item, digest=digest, content=change.content, dot=change.dot)


def record(
    state: Merge,
    kept: RevisionItem,
    lost: RevisionItem,
    base: Dot | None,
    policy: str,
    *,
    opened: bool = False,
    merged: bool = False,
) -> None:
    """Records a change that has not become the head's item as it came."""
    loser = Loser(content=lost.content, deleted=lost.deleted, dot=lost.dot)
    state.conflicts.append(
        ConflictRecord(item=kept.name, base=base, kept=kept.dot, lost=loser, policy=policy, open=opened, merged=merged)
    )
