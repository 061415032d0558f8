"""Local items: which items each pod keeps to itself, and what counts instead where payloads are compared.

The head holds what a local item is seeded with. Each copy is its pod's own from then on, whatever the head becomes.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from api.federated_context import Direction, FederatedContextSpec
from api.mcp_context import LocalRule

LocalRules = Sequence[LocalRule] | None
"""The first that matches an item decides; what none matches is not local."""


def local_rules(spec: FederatedContextSpec) -> list[LocalRule] | None:
    """What the members must know of a context's directions: which items are local, and no more."""
    rules = [(rule.match, rule.direction) for rule in spec.conflict_policy.rules if rule.direction is not None]
    found = [LocalRule(match=match, local=way is Direction.LOCAL) for match, way in [*rules, ("*", spec.direction)]]
    while found and not found[-1].local:
        found.pop()
    return found or None


def is_local(rules: LocalRules, item: str) -> bool:
    """Whether an item is local, be it in the head or not."""
    return next((rule.local for rule in rules or () if fnmatchcase(item, rule.match)), False)


def comparable(digests: Mapping[str, str], rules: LocalRules, seeds: Mapping[str, str]) -> dict[str, str]:
    """Content digests of a payload for comparison with a revision: local items count as what the revision holds.

    Args:
        digests: of what is held or served, by item.
        rules: which items are local.
        seeds: content digests of the local items in the revision that was applied.
    """
    shared = {name: digest for name, digest in digests.items() if not is_local(rules, name)}
    return {**shared, **seeds}
