"""Revisions are kept up to a number and an age; the head, and what undecided changes stand on, in any case."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.context_replica import SiteState
from api.context_revision import ContextRevisionSpec
from api.federated_context import HistoryLimits
from core.hub.retain import expired
from tests.unit.core.scene import change, dot

START = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64


def committed(version: int, day: float) -> ContextRevisionSpec:
    stamp = (START + timedelta(days=day)).isoformat().replace("+00:00", "Z")
    return ContextRevisionSpec(
        context="demo", version=version, digest=DIGEST, chain_digest=DIGEST, timestamp=stamp, hlc="000000000000-0000"
    )


def daily(count: int, first: int = 1) -> list[ContextRevisionSpec]:
    """A revision a day."""
    return [committed(first + number, number) for number in range(count)]


def gone(revisions: list[ContextRevisionSpec], limits: HistoryLimits, day: float, *sites: SiteState) -> list[int]:
    found = expired(revisions, sites, limits, START + timedelta(days=day))
    return [revision.version for revision in found.revisions]


def undecided_on(version: int) -> SiteState:
    return SiteState(site="m1/p#1", base_version=version, changes=[change("a", "1", dot("m1/p#1", 1))])


def test_the_newest_are_kept_and_age_does_not_matter_unless_it_is_limited() -> None:
    assert gone(daily(10), HistoryLimits(revisions=3), 1000) == [1, 2, 3, 4, 5, 6, 7]


def test_a_revision_that_was_replaced_too_long_ago_goes_although_there_are_few() -> None:
    assert gone(daily(5), HistoryLimits(revisions=20, days=2), 4.5) == [1, 2]


def test_when_the_next_one_is_too_old_is_told() -> None:
    found = expired(daily(5), [], HistoryLimits(revisions=20, days=2), START + timedelta(days=4.5))
    assert found.next_at == START + timedelta(days=5)
    assert expired(daily(5), [], HistoryLimits(revisions=3), START).next_at is None


def test_what_an_undecided_change_stands_on_is_kept() -> None:
    assert gone(daily(10), HistoryLimits(revisions=2), 20, undecided_on(4)) == [1, 2, 3]
    assert gone(daily(10), HistoryLimits(revisions=2, days=1), 20, undecided_on(4)) == [1, 2, 3]
    assert gone(daily(10), HistoryLimits(revisions=2), 20, SiteState(site="m1/p#1", base_version=4)) == list(
        range(1, 9)
    )


@pytest.mark.parametrize("count", [0, 1])
def test_the_head_stays(count: int) -> None:
    assert gone(daily(count), HistoryLimits(revisions=1, days=1), 1000) == []


@given(st.integers(0, 12), st.integers(1, 12), st.none() | st.integers(1, 12), st.integers(0, 30))
def test_what_is_left_is_within_the_limits_and_without_a_gap(
    count: int, revisions: int, days: int | None, day: int
) -> None:
    limits, history = HistoryLimits(revisions=revisions, days=days), daily(count)
    found = gone(history, limits, day)
    assert found == list(range(1, len(found) + 1))
    kept = history[len(found) :]
    assert len(kept) <= revisions
    assert bool(kept) == bool(history)
    assert gone(kept, limits, day) == []
