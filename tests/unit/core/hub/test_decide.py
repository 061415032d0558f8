"""Rules apply to items by pattern, the first that says something holds; policies decide between concurrent changes."""

from typing import Any

import pytest

from api.context_revision import RevisionItem
from api.dot import Dot
from api.federated_context import ConflictPolicyName as Policy
from api.federated_context import Direction, FederatedContextSpec
from api.item import ItemContent
from core.hub.decide import (
    Decision,
    decide_concurrent,
    direction_for,
    is_fast_forward,
    is_refused,
    policy_for,
    prevails,
)
from core.hub.merge import revised_item
from tests.unit.core.past import under
from tests.unit.core.scene import change, content, dot, spec

NOW = 10_000


def wanted(**more: Any) -> FederatedContextSpec:
    return FederatedContextSpec.model_validate({**spec().wire(), **more})


def wins(policy: Policy, challenger: Dot, holder: Dot, *priority: str) -> bool:
    return prevails(policy, challenger, holder, now_millis=NOW, priority=priority)


def test_the_first_matching_rule_that_says_something_decides() -> None:
    rules = [{"match": "locked/*", "direction": "FromControlPlane"}, {"match": "*", "policy": "Manual"}]
    found = wanted(conflictPolicy={"rules": rules})
    assert direction_for(found, "locked/a") is Direction.FROM_CONTROL_PLANE
    assert direction_for(found, "open") is Direction.TWO_WAY
    assert policy_for(found, "locked/a") is Policy.MANUAL
    assert policy_for(spec(), "any") is Policy.THREE_WAY_MERGE


def decided(policy: Policy, held: str | None, revised: str | None) -> Decision:
    """Of two changes of "base", the head's made first."""
    first, second = change("a", held, dot("m1/p#1", 1)), change("a", revised, dot("m2/p#1", 2))
    return decide_concurrent(revised_item(first), revised_item(second), content("base"), under(policy), NOW)


@pytest.mark.parametrize(
    ("base", "site", "seen"), [(dot("m1/p#1", 1), "m2/p#1", True), (None, "m1/p#1", True), (None, "m2/p#1", False)]
)
def test_a_writer_has_seen_what_its_change_names_as_base_and_what_it_wrote(
    base: Dot | None, site: str, seen: bool
) -> None:
    held, revised = change("a", "old", dot("m1/p#1", 1)), change("a", "new", dot(site, 2))
    assert is_fast_forward(revised_item(held), revised_item(revised), base) is seen


@pytest.mark.parametrize("policy", Policy)
def test_a_modification_wins_against_a_deletion_whatever_the_policy(policy: Policy) -> None:
    assert decided(policy, None, "edited") == Decision(policy, is_replaced=True)
    assert decided(policy, "edited", None) == Decision(policy, is_replaced=False)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("schema", [{"type": "object"}, {"type": "array"}], ids=["sound", "unsound"])
def test_contents_merge_if_the_policy_says_so_and_the_result_can_be_served(policy: Policy, schema: object) -> None:
    base, held, revised = (
        ItemContent(definition={"description": text, "inputSchema": schema}, text=module)
        for text, module in (("old", "old"), ("new", "old"), ("old", "new"))
    )
    first, second = (RevisionItem(name="a", content=side, dot=dot(f"{side.text}/p#1", 1)) for side in (held, revised))
    merged = decide_concurrent(first, second, base, under(policy), NOW).merged
    both = held.model_copy(update={"text": "new"})
    assert merged == (both if policy is Policy.THREE_WAY_MERGE and schema == {"type": "object"} else None)


def test_what_clashes_is_decided_as_if_it_could_not_merge() -> None:
    assert decided(Policy.THREE_WAY_MERGE, "one", "other") == Decision(Policy.THREE_WAY_MERGE, is_replaced=True)


def test_the_later_writer_wins_and_ties_are_broken_by_site() -> None:
    assert wins(Policy.LAST_WRITER_WINS, dot("a", 2), dot("z", 1))
    assert wins(Policy.LAST_WRITER_WINS, dot("b", 1), dot("a", 1))
    assert not wins(Policy.LAST_WRITER_WINS, dot("a", 1), dot("b", 1))


def test_a_clock_that_is_far_ahead_gains_half_a_second_at_most() -> None:
    fast, honest = dot("a", NOW + 3_600_000), dot("b", NOW + 501)
    assert wins(Policy.LAST_WRITER_WINS, honest, fast)
    assert wins(Policy.LAST_WRITER_WINS, fast, dot("b", NOW + 499))


@pytest.mark.parametrize(
    ("challenger", "holder", "result"),
    [("m1/p#1", "m2/p#1", True), ("m2/p#1", "m1/p#1", False), ("m9/p#1", "m2/p#1", False), ("m2/p#1", "m9/p#1", True)],
)
def test_the_cluster_that_stands_first_wins_whatever_the_clocks_say(challenger: str, holder: str, result: bool) -> None:
    for millis in (1, 9):
        assert wins(Policy.CLUSTER_PRIORITY, dot(challenger, millis), dot(holder, 5), "m1", "m2") is result


def test_within_one_rank_the_later_writer_wins() -> None:
    assert wins(Policy.CLUSTER_PRIORITY, dot("m8/p#1", 9), dot("m9/p#1", 5), "m1")


def test_the_control_plane_wins_over_members_and_the_head_stays_between_members() -> None:
    assert wins(Policy.CONTROL_PLANE_WINS, dot("declared#1", 1), dot("m1/p#1", 9))
    assert wins(Policy.CONTROL_PLANE_WINS, dot("operator/ann#1", 1), dot("m1/p#1", 9))
    assert not wins(Policy.CONTROL_PLANE_WINS, dot("m1/p#1", 9), dot("m2/p#1", 1))


def test_a_manual_conflict_never_changes_the_head() -> None:
    assert not wins(Policy.MANUAL, dot("m1/p#1", 9), dot("m2/p#1", 1))


@pytest.mark.parametrize(
    ("direction", "site", "new", "refused"),
    [
        ("TwoWay", "m1/p#1", False, False),
        ("FromControlPlane", "m1/p#1", True, True),
        ("FromControlPlane", "declared#1", False, False),
        ("FromControlPlane", "operator/ann#1", False, False),
        ("Local", "m1/p#1", True, True),
        ("Local", "m1/p#1", False, True),
        ("Local", "declared#1", False, False),
        ("Local", "operator/ann#1", False, False),
        ("FromMember", "declared#1", True, False),
        ("FromMember", "declared#1", False, True),
        ("FromMember", "m1/p#1", False, False),
        ("FromMember", "operator/ann#1", False, False),
    ],
)
def test_a_direction_refuses_what_comes_from_the_other_side(
    direction: str, site: str, new: bool, refused: bool
) -> None:
    assert is_refused(wanted(direction=direction), "a", dot(site, 1), new=new) is refused
