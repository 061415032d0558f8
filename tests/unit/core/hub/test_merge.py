"""Merging takes every change in exactly once and drops none silently, whatever the order of delivery."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.context_replica import Change
from api.context_revision import ContextRevisionSpec
from api.dot import Dot
from api.federated_context import ConflictPolicyName, Direction
from core.hub.merge import Merger, merge
from core.values import version_vector
from tests.unit.core.past import under
from tests.unit.core.scene import advance, change, dot, payload, spec, texts

SITES = ("m1/p#1", "m2/p#1", "m3/p#1")


@pytest.fixture
def head() -> ContextRevisionSpec:
    revision = advance(None, [], declared=payload(a="1", b="2"))
    assert revision is not None
    return revision


@st.composite
def proposals(draw: st.DrawFn) -> list[Change]:
    """Changes of several sites to few items, with bases that the writers may or may not have seen."""
    found: list[Change] = []
    for number in range(draw(st.integers(1, 8))):
        base: Dot | None = draw(st.sampled_from([None, *(c.dot for c in found)]))
        text = draw(st.sampled_from([None, "x", "y", f"v{number}"]))
        found.append(change(draw(st.sampled_from("ab")), text, dot(draw(st.sampled_from(SITES)), 1000 + number), base))
    return found


def test_a_change_by_a_writer_that_saw_the_head_replaces_it(head: ContextRevisionSpec) -> None:
    merged = merge([head], [change("a", "new", dot("m1/p#1", 200), head.items[0].dot)], spec(), Merger("t", 300))
    assert merged is not None
    assert merged.conflicts == []
    assert merged.items["a"].dot == dot("m1/p#1", 200)


def test_of_two_writers_that_did_not_see_each_other_the_later_wins_and_the_other_is_recorded(
    head: ContextRevisionSpec,
) -> None:
    base = head.items[0].dot
    early, late = change("a", "early", dot("m1/p#1", 200), base), change("a", "late", dot("m2/p#1", 201), base)
    for order in permutations([early, late]):
        after = advance(head, list(order))
        assert after is not None
        assert texts(after)["a"] == "late"
        (record,) = after.conflicts
        assert record.lost.dot == early.dot
        assert record.lost.content == early.content
        assert record.kept == late.dot


def test_a_conflict_that_an_operator_has_not_seen_stays_on_record_when_the_operator_decides(
    head: ContextRevisionSpec,
) -> None:
    seen = head.items[0].dot
    unseen = change("a", "unseen", dot("m1/p#1", 200), None)
    decision = change("a", "decided", dot("operator/ann#1", 300), seen)
    after = advance(head, [unseen, decision], wanted=under(ConflictPolicyName.MANUAL))
    assert after is not None
    assert texts(after)["a"] == "decided"
    assert [(record.lost.dot, record.open) for record in after.conflicts] == [(unseen.dot, False)]


def test_a_late_arrival_with_an_older_clock_loses_and_is_recorded(head: ContextRevisionSpec) -> None:
    base = head.items[0].dot
    first = advance(head, [change("a", "late", dot("m2/p#1", 201), base)])
    after = advance(first, [change("a", "early", dot("m1/p#1", 200), base)])
    assert after is not None
    assert texts(after)["a"] == "late"
    assert after.conflicts[0].lost.dot == dot("m1/p#1", 200)


def test_a_site_may_change_its_own_item_again_without_having_seen_the_revision(head: ContextRevisionSpec) -> None:
    base = head.items[0].dot
    first = advance(head, [change("a", "one", dot("m1/p#1", 200), base)])
    after = advance(first, [change("a", "two", dot("m1/p#1", 210), base)])
    assert after is not None
    assert texts(after)["a"] == "two"
    assert after.conflicts == []


@pytest.mark.parametrize("deletion_is_later", [True, False])
def test_a_modification_stays_against_a_concurrent_deletion(head: ContextRevisionSpec, deletion_is_later: bool) -> None:
    base = head.items[0].dot
    gone = change("a", None, dot("m1/p#1", 300 if deletion_is_later else 200), base)
    edit = change("a", "edited", dot("m2/p#1", 250), base)
    for order in permutations([gone, edit]):
        after = advance(head, list(order))
        assert after is not None
        assert texts(after)["a"] == "edited"
        assert after.conflicts[0].lost.deleted


def test_two_writers_with_the_same_content_do_not_conflict(head: ContextRevisionSpec) -> None:
    base = head.items[0].dot
    after = advance(head, [change("a", "same", dot(site, 200), base) for site in SITES])
    assert after is not None
    assert after.conflicts == []


def test_a_member_change_is_refused_and_recorded_where_changes_flow_from_the_control_plane(
    head: ContextRevisionSpec,
) -> None:
    one_way = spec().model_copy(update={"direction": Direction.FROM_CONTROL_PLANE})
    after = advance(head, [change("a", "drift", dot("m1/p#1", 200), head.items[0].dot)], wanted=one_way)
    assert after is not None
    assert texts(after) == texts(head)
    assert after.conflicts[0].policy == "FromControlPlane"
    assert version_vector.includes(after.version_vector, dot("m1/p#1", 200))


@given(proposals())
def test_delivering_again_changes_nothing(changes: list[Change]) -> None:
    head = advance(None, changes)
    assert head is not None
    assert merge([head], changes, spec(), Merger("t", 300)) is None
    assert merge([head], reversed(changes), spec(), Merger("t", 300)) is None


@given(proposals(), st.randoms())
def test_the_order_within_one_delivery_does_not_matter(changes: list[Change], random: object) -> None:
    shuffled = list(changes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = advance(None, changes), advance(None, shuffled)
    assert one is not None
    assert other is not None
    assert one.chain_digest == other.chain_digest


@given(st.lists(proposals(), min_size=1, max_size=1).map(lambda found: found[0]), st.integers(1, 7))
def test_no_change_is_lost_silently(changes: list[Change], cut: int) -> None:
    """Each is in the head, is a recorded loser, or was replaced by a writer that had seen it or was its own site."""
    head: ContextRevisionSpec | None = None
    recorded: set[Dot] = set()
    for part in (changes[:cut], changes[cut:]):
        head = advance(head, part) or head
        recorded |= {record.lost.dot for record in head.conflicts} if head else set()
    assert head is not None
    for lost in changes:
        held = next(item for item in head.items if item.name == lost.item)
        equal = [c for c in changes if c.item == lost.item and c.content == lost.content and c.dot != lost.dot]
        later = [c for c in changes if c.item == lost.item and (c.base_dot == lost.dot or c.dot.site == lost.dot.site)]
        assert held.dot == lost.dot or lost.dot in recorded or equal or any(c.dot.order > lost.dot.order for c in later)
