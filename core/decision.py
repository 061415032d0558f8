"""Which rule decides for an item: its conflict policy and its direction, the first matching rule wins."""

from fnmatch import fnmatchcase

from api.dot import Dot
from api.federated_context import ConflictPolicyName, ConflictRule, Direction, FederatedContextSpec


def policy_for(spec: FederatedContextSpec, item: str) -> ConflictPolicyName:
    """The conflict policy of an item."""
    matching = (rule.policy for rule in _rules(spec, item) if rule.policy)
    return next(matching, spec.conflict_policy.default)


def direction_for(spec: FederatedContextSpec, item: str) -> Direction:
    """The direction of an item."""
    matching = (rule.direction for rule in _rules(spec, item) if rule.direction)
    return next(matching, spec.direction)


def _rules(spec: FederatedContextSpec, item: str) -> list[ConflictRule]:
    return [rule for rule in spec.conflict_policy.rules if fnmatchcase(item, rule.match)]


def prevails(policy: ConflictPolicyName, challenger: Dot, holder: Dot) -> bool:
    """Whether a concurrent change replaces the head's item."""
    match policy:
        case ConflictPolicyName.LAST_WRITER_WINS:
            return challenger.order > holder.order
