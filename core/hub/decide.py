"""decide: which of two changes of an item wins.

A change that its item's direction refuses never wins. A change whose writer had seen the other one replaces it: it is
a fast-forward. Of two that were made concurrently, both are kept where the policy is ThreeWayMerge and their contents
merge; else a modification wins against a deletion; else the policy chooses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from api.context_revision import RevisionItem
from api.dot import Dot
from api.federated_context import ConflictPolicyName, ConflictRule, Direction, FederatedContextSpec
from api.item import ItemContent
from api.names import DECLARED_SITE, OPERATOR_SITE
from core.merging.three_way import three_way
from core.values import clock, item_rules

MAX_SKEW_MILLIS: Final = 500
"""A clock that is further ahead than this gains nothing from it."""


@dataclass(frozen=True)
class Decision:
    """What becomes of the head's item and a concurrent change of it."""

    policy: ConflictPolicyName
    """The item's."""
    merged: ItemContent | None = None
    """A content with both changes; None: one of them wins."""
    is_replaced: bool = False
    """Whether it is the change that wins, rather than the head's item."""


def is_fast_forward(held: RevisionItem, revised: RevisionItem, base_dot: Dot | None) -> bool:
    """Whether a change replaces the head's item because its writer had seen that, or had written it."""
    return held.dot == base_dot or held.dot.site == revised.dot.site


def decide_concurrent(
    held: RevisionItem, revised: RevisionItem, base: ItemContent | None, spec: FederatedContextSpec, now_millis: int
) -> Decision:
    """Decides between the head's item and a change whose writer had not seen it.

    Args:
        held: the head's item.
        revised: the item as the change wants it.
        base: the content that both stand on; None if that is not known.
        spec: policies and directions.
        now_millis: the wall clock.
    """
    policy = policy_for(spec, held.name)
    if policy is ConflictPolicyName.THREE_WAY_MERGE:
        merged = _merged(held, revised, base, spec)
        if merged is not None:
            return Decision(policy, merged=merged)
    if held.deleted != revised.deleted:
        return Decision(policy, is_replaced=bool(held.deleted))
    priority = spec.conflict_policy.priority
    wins = prevails(policy, revised.dot, held.dot, now_millis=now_millis, priority=priority)
    return Decision(policy, is_replaced=wins)


def _merged(
    held: RevisionItem, revised: RevisionItem, base: ItemContent | None, spec: FederatedContextSpec
) -> ItemContent | None:
    """A content with both changes; None if there is none that can be served."""
    if held.content is None or revised.content is None:
        return None
    content = three_way(base, held.content, revised.content, held.name)
    sound = content is not None and not item_rules.check(spec.context_type, held.name, content)
    return content if sound else None


def policy_for(spec: FederatedContextSpec, item: str) -> ConflictPolicyName:
    """The conflict policy of an item: of the first matching rule that names one."""
    return next((rule.policy for rule in _rules(spec, item) if rule.policy), spec.conflict_policy.default)


def direction_for(spec: FederatedContextSpec, item: str) -> Direction:
    """The direction of an item: of the first matching rule that names one."""
    return next((rule.direction for rule in _rules(spec, item) if rule.direction), spec.direction)


def _rules(spec: FederatedContextSpec, item: str) -> Iterator[ConflictRule]:
    return (rule for rule in spec.conflict_policy.rules if fnmatchcase(item, rule.match))


def kind_of(site: str) -> str:
    """`declared`, `merge`, `operator`, or the name of the cluster in which a site is."""
    return site.partition("#")[0].partition("/")[0]


def is_refused(spec: FederatedContextSpec, item: str, dot: Dot, *, new: bool) -> bool:
    """Whether the item's direction refuses a change; an operator may always decide."""
    kind = kind_of(dot.site)
    match direction_for(spec, item):
        case Direction.TWO_WAY:
            return False
        case Direction.FROM_CONTROL_PLANE | Direction.LOCAL:
            return kind not in (DECLARED_SITE, OPERATOR_SITE)
        case Direction.FROM_MEMBER:
            return kind == DECLARED_SITE and not new


def prevails(
    policy: ConflictPolicyName, challenger: Dot, holder: Dot, *, now_millis: int, priority: Sequence[str] = ()
) -> bool:
    """Whether a concurrent change replaces the head's item where the two cannot be merged."""
    match policy:
        case ConflictPolicyName.LAST_WRITER_WINS | ConflictPolicyName.THREE_WAY_MERGE:
            return _bounded(challenger, now_millis) > _bounded(holder, now_millis)
        case ConflictPolicyName.CLUSTER_PRIORITY:
            ranks = (_rank(challenger, priority), _rank(holder, priority))
            return ranks[0] < ranks[1] or (
                ranks[0] == ranks[1] and _bounded(challenger, now_millis) > _bounded(holder, now_millis)
            )
        case ConflictPolicyName.CONTROL_PLANE_WINS:
            return kind_of(challenger.site) in (DECLARED_SITE, OPERATOR_SITE)
        case ConflictPolicyName.MANUAL:
            return False


def _bounded(dot: Dot, now_millis: int) -> tuple[str, str]:
    return (min(dot.hlc, clock.encode(now_millis + MAX_SKEW_MILLIS)), dot.site)


def _rank(dot: Dot, priority: Sequence[str]) -> int:
    kind = kind_of(dot.site)
    return priority.index(kind) if kind in priority else len(priority)
