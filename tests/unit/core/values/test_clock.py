"""Clock readings sort as text the way they sort in time, and never stand still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.values import clock

MILLIS = st.integers(0, 2**48 - 2)
READINGS = st.builds(clock.encode, MILLIS, st.integers(0, 0xFFFF))


@given(READINGS, st.integers(0, 2**48 - 1))
def test_a_tick_is_greater_than_the_reading_before_it_whatever_the_wall_clock_says(last: str, now: int) -> None:
    assert clock.tick(last, now) > last


@given(READINGS, MILLIS)
def test_a_tick_is_the_wall_clock_when_that_is_ahead(last: str, now: int) -> None:
    if now > clock.millis(last):
        assert clock.millis(clock.tick(last, now)) == now


@given(MILLIS, MILLIS)
def test_readings_sort_as_text_like_their_times(one: int, other: int) -> None:
    assert (clock.encode(one) < clock.encode(other)) == (one < other)


def test_a_full_counter_carries_into_the_milliseconds() -> None:
    assert clock.tick(clock.encode(7, 0xFFFF), 0) == clock.encode(8)


def test_the_time_of_a_reading_is_rfc_3339_in_utc() -> None:
    assert clock.rfc3339(clock.encode(1_700_000_000_123, 5)) == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize("millis", [-1, 2**48])
def test_a_time_that_does_not_fit_is_refused(millis: int) -> None:
    with pytest.raises(ValueError, match="not a clock reading"):
        clock.encode(millis)
