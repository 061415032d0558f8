"""Conditions follow what was found, and keep the time at which their status last changed."""

import pytest

from api.condition import READY, STALE, Condition
from core.values.conditions import Verdict, conditions

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"
APPLIED = Verdict(True, "Applied", "all serve it")


def test_each_verdict_becomes_a_condition_in_its_order() -> None:
    found = conditions([], {STALE: Verdict(False, "Reachable", ""), READY: APPLIED}, 7, NOW)
    assert [(each.type, each.status, each.reason) for each in found] == [
        (STALE, "False", "Reachable"),
        (READY, "True", "Applied"),
    ]
    assert {(each.last_transition_time, each.observed_generation) for each in found} == {(NOW, 7)}


def test_the_same_verdict_gives_the_same_condition_at_any_time() -> None:
    before = conditions([], {READY: APPLIED}, 7, NOW)
    assert conditions(before, {READY: APPLIED}, 7, LATER) == before


@pytest.mark.parametrize(("holds", "since"), [(True, NOW), (False, LATER)])
def test_the_time_is_that_of_the_status_whatever_else_changes(holds: bool, since: str) -> None:
    before = conditions([], {READY: APPLIED}, 7, NOW)
    (after,) = conditions(before, {READY: Verdict(holds, "Progressing", "on its way")}, 8, LATER)
    assert (after.last_transition_time, after.reason, after.observed_generation) == (since, "Progressing", 8)


def test_conditions_of_other_types_are_the_callers() -> None:
    foreign = Condition(type="Audited", status="True", reason="Yes", message="", last_transition_time=NOW)
    assert [each.type for each in conditions([foreign], {READY: APPLIED}, 1, NOW)] == [READY]
