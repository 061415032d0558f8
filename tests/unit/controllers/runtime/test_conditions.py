from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.runtime.conditions import Condition, find_condition, is_true, merge_conditions

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

conditions = st.lists(
    st.builds(
        Condition,
        type=st.sampled_from(["Ready", "Stalled", "Stale"]),
        status=st.sampled_from(["True", "False", "Unknown"]),
        reason=st.sampled_from(["Applied", "Failed"]),
        message=st.text(),
        observed_generation=st.integers(0, 5),
    ),
    unique_by=lambda condition: condition.type,
)


def test_a_condition_is_rendered_as_metav1() -> None:
    assert merge_conditions([], [Condition("Ready", "True", "Applied", "all is well", 3)], NOW) == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Applied",
            "message": "all is well",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
    ]


@settings(deadline=None)
@given(conditions)
def test_saying_the_same_again_later_changes_nothing(wanted: list[Condition]) -> None:
    once = merge_conditions([], wanted, NOW)
    assert merge_conditions(once, wanted, LATER) == once


def test_the_transition_time_follows_the_status_only() -> None:
    present = merge_conditions([], [Condition("Ready", "False", "Failed", "one")], NOW)
    reworded = merge_conditions(present, [Condition("Ready", "False", "Failed", "two", 2)], LATER)
    assert reworded[0]["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    assert (reworded[0]["message"], reworded[0]["observedGeneration"]) == ("two", 2)
    turned = merge_conditions(reworded, [Condition("Ready", "True", "Applied")], LATER)
    assert turned[0]["lastTransitionTime"] == "2026-01-02T04:04:05Z"


def test_conditions_of_others_stay_and_so_does_the_order() -> None:
    present = [{"type": "Foreign", "status": "True", "extra": 1}, {"type": "Ready", "status": "True"}]
    present[1]["lastTransitionTime"] = "2025-01-01T00:00:00Z"
    merged = merge_conditions(
        present, [Condition("Stale", "False", "Fresh"), Condition("Ready", "True", "Applied")], NOW
    )
    assert [condition["type"] for condition in merged] == ["Foreign", "Ready", "Stale"]
    assert merged[0] == present[0]


def test_the_input_is_left_alone() -> None:
    present = merge_conditions([], [Condition("Ready", "True", "Applied")], NOW)
    before = [dict(condition) for condition in present]
    merge_conditions(present, [Condition("Ready", "False", "Failed")], LATER)
    assert present == before


def test_a_time_in_another_zone_is_written_as_utc() -> None:
    tokyo = datetime.fromisoformat("2026-01-02T12:04:05+09:00")
    assert merge_conditions([], [Condition("Ready", "True", "Applied")], tokyo)[0]["lastTransitionTime"] == (
        "2026-01-02T03:04:05Z"
    )


def test_conditions_are_found_by_type() -> None:
    present = merge_conditions([], [Condition("Ready", "True", "Applied"), Condition("Stale", "Unknown", "New")], NOW)
    assert is_true(present, "Ready")
    assert not is_true(present, "Stale")
    assert not is_true(present, "Absent")
    assert find_condition(present, "Absent") is None
