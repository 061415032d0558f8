"""Which rule decides for an item, and what it decides: its conflict policy and its direction."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from api.dot import Dot
from api.federated_context import ConflictPolicyName, ConflictRule, Direction, FederatedContextSpec
from api.names import DECLARED_SITE, OPERATOR_SITE
from core.values import clock

MAX_SKEW_MILLIS = 500
"""A clock that is further ahead than this gains nothing from it."""


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
