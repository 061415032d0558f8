"""Whatever is changed in a history afterwards is found."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.context_revision import ContextRevisionSpec
from core.inspection.verify import Anchor, anchor_flaws, verify
from core.values.chain import chain_digest
from tests.unit.core.past import began, grown, histories
from tests.unit.core.scene import change, dot


@given(histories(), st.randoms())
def test_a_committed_history_has_no_flaw_in_whatever_order_and_from_wherever_it_is_retained(
    history: list[ContextRevisionSpec], random: Any
) -> None:
    retained = history[random.randrange(len(history)) :]
    random.shuffle(retained)
    assert verify(retained) == []


@given(histories(), st.data())
def test_any_change_of_a_single_field_is_found(history: list[ContextRevisionSpec], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(history) - 1))
    wire = history[index].wire()
    holder, key = data.draw(st.sampled_from(leaves(wire)))
    holder[key] = altered(holder[key])
    try:
        tampered = ContextRevisionSpec.model_validate(wire)
    except ValidationError:
        return
    assert verify([*history[:index], tampered, *history[index + 1 :]]) != []


@given(histories(), st.data())
def test_a_field_that_is_taken_out_is_found(history: list[ContextRevisionSpec], data: st.DataObject) -> None:
    wire = history[-1].wire()
    holder, key = data.draw(st.sampled_from([(h, k) for h, k in leaves(wire) if isinstance(k, str) and h[k]]))
    del holder[key]
    try:
        tampered = ContextRevisionSpec.model_validate(wire)
    except ValidationError:
        return
    assert verify([*history[:-1], tampered]) != []


def test_a_missing_revision_is_found() -> None:
    history = grown(began(a="1"), change("a", "2", dot("m1/p#1", 2000)))
    history = grown(history, change("a", "3", dot("m1/p#1", 2001)))
    assert {flaw.message for flaw in verify([history[0], history[2]])} == {
        "follows version 1",
        "parent is not the chainDigest of version 1",
    }


def test_a_replaced_revision_with_digests_that_fit_is_found_by_its_successor() -> None:
    history = grown(began(a="1"), change("a", "2", dot("m1/p#1", 2000)))
    forged = began(a="forged")[0]
    assert chain_digest(forged) == forged.chain_digest
    assert [(flaw.version, flaw.message) for flaw in verify([forged, history[1]])] == [
        (2, "parent is not the chainDigest of version 1")
    ]


def test_a_rewritten_history_is_found_by_what_a_member_has_applied() -> None:
    genuine, forged = began(a="1"), began(a="forged")
    anchor = Anchor("m1/p#1", 1, genuine[0].chain_digest)
    assert verify(forged) == []
    assert [flaw.version for flaw in anchor_flaws(forged, [anchor])] == [1]
    assert anchor_flaws(genuine, [anchor]) == []


def test_a_history_that_lost_its_newest_revisions_is_found_by_what_a_member_has_applied() -> None:
    history = grown(began(a="1"), change("a", "2", dot("m1/p#1", 2000)))
    anchor = Anchor("m1/p#1", 2, history[1].chain_digest)
    assert verify(history[:1]) == []
    assert [flaw.version for flaw in anchor_flaws(history[:1], [anchor])] == [2]


def test_a_member_that_is_behind_what_is_retained_tells_nothing() -> None:
    history = grown(began(a="1"), change("a", "2", dot("m1/p#1", 2000)))
    assert anchor_flaws(history[1:], [Anchor("m1/p#1", 1, history[0].chain_digest)]) == []


def test_a_new_epoch_may_go_on_past_what_members_hold() -> None:
    history = grown(began(a="1"), change("a", "2", dot("m1/p#1", 2000)))
    raised = history[1].model_copy(update={"epoch": 1, "version": 7})
    raised = raised.model_copy(update={"chain_digest": chain_digest(raised)})
    assert verify([history[0], raised]) == []


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Where the scalars of a JSON document are: container and key."""
    members = value.items() if isinstance(value, dict) else enumerate(value)  # pyright: ignore[reportUnknownVariableType]
    found: list[tuple[Any, Any]] = []
    for key, member in members:  # pyright: ignore[reportUnknownVariableType]
        found += leaves(member) if isinstance(member, dict | list) else [(value, key)]
    return found


def altered(scalar: Any) -> Any:
    """Another value of the same kind, well-formed where a digest or a clock is."""
    if isinstance(scalar, bool):
        return not scalar
    if isinstance(scalar, int):
        return scalar + 1
    last = scalar[-1:]
    return scalar[:-1] + ("1" if last == "0" else "0")
