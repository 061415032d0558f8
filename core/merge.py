"""merge: the changes of all sites into the head, item by item; nothing is dropped silently.

A change is a fast-forward when its writer saw the head's item (base dot) or wrote it itself. Otherwise two writers did
not see each other, and the item's conflict policy decides; the loser goes into the revision, where it can be restored.
A change that the head's version vector already includes does nothing, so re-delivery, duplication and reordering of
proposals are harmless.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from api.context_replica import Change, ItemOutcome, Outcome
from api.context_revision import Cause, ConflictRecord, ContextRevisionSpec, Loser, RevisionItem
from api.federated_context import Direction, FederatedContextSpec
from api.names import DECLARED_SITE
from core import version_vector
from core.canonical import content_digest
from core.decision import direction_for, policy_for, prevails


@dataclass
class Merge:
    """The state after the changes: what the next revision will hold."""

    items: dict[str, RevisionItem]
    vector: dict[str, str]
    causes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    conflicts: list[ConflictRecord] = field(default_factory=list[ConflictRecord])
    outcomes: list[ItemOutcome] = field(default_factory=list[ItemOutcome])

    @property
    def cause(self) -> list[Cause]:
        """Which sites' changes were taken in."""
        return [Cause(site=site, items=sorted(set(items))) for site, items in sorted(self.causes.items())]


def merge(head: ContextRevisionSpec | None, changes: Iterable[Change], spec: FederatedContextSpec) -> Merge | None:
    """Takes in every change that the head does not include yet, in the order of their clocks.

    Returns:
        The merged state, or None if there was nothing new.
    """
    seen = head.version_vector if head else {}
    new = sorted((c for c in changes if not version_vector.includes(seen, c.dot)), key=lambda c: c.dot.order)
    if not new:
        return None
    result = Merge({item.name: item for item in head.items} if head else {}, dict(seen))
    for change in new:
        result.vector[change.dot.site] = change.dot.hlc
        result.causes.setdefault(change.dot.site, []).append(change.item)
        outcome = _decide(result, change, spec)
        result.outcomes.append(ItemOutcome(item=change.item, dot=change.dot, outcome=outcome))
    return result


def _decide(state: Merge, change: Change, spec: FederatedContextSpec) -> Outcome:
    held = state.items.get(change.item)
    revised = _revised(change)
    if _is_refused(change, spec):
        if held is None or held.digest != revised.digest:
            _record(state, change, held or revised, revised, Direction.FROM_CONTROL_PLANE)
        return Outcome.REJECTED
    if held is None:
        state.items[change.item] = revised
        return Outcome.ACCEPTED
    if held.digest == revised.digest:
        if change.dot.order > held.dot.order:
            state.items[change.item] = revised
        return Outcome.ACCEPTED
    if held.dot == change.base_dot or held.dot.site == change.dot.site:
        state.items[change.item] = revised
        return Outcome.ACCEPTED
    policy = policy_for(spec, change.item)
    wins = not revised.deleted if held.deleted != revised.deleted else prevails(policy, change.dot, held.dot)
    kept, lost = (revised, held) if wins else (held, revised)
    state.items[change.item] = kept
    _record(state, change, kept, lost, policy)
    return Outcome.CONFLICT


def _is_refused(change: Change, spec: FederatedContextSpec) -> bool:
    return change.dot.site != DECLARED_SITE and direction_for(spec, change.item) is Direction.FROM_CONTROL_PLANE


def _revised(change: Change) -> RevisionItem:
    if change.content is None:
        return RevisionItem(name=change.item, deleted=True, dot=change.dot)
    return RevisionItem(name=change.item, digest=content_digest(change.content), content=change.content, dot=change.dot)


def _record(state: Merge, change: Change, kept: RevisionItem, lost: RevisionItem, policy: str) -> None:
    loser = Loser(content=lost.content, deleted=lost.deleted, dot=lost.dot)
    state.conflicts.append(
        ConflictRecord(item=change.item, base=change.base_dot, kept=kept.dot, lost=loser, policy=policy)
    )
