from __future__ import annotations

import statistics
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latency.figures import PERCENTILES, Quality, Summary, Verdict, percentile, summaries, verdicts

times = st.lists(st.floats(min_value=0.1, max_value=1e5), min_size=1, max_size=50)


def test_the_median_of_an_even_number_of_samples_is_between_the_middle_two() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2.5


def test_a_percentile_is_interpolated_between_the_nearest_samples() -> None:
    assert percentile([0, 10, 20], 90) == pytest.approx(18)


def test_all_percentiles_of_one_sample_are_that_sample() -> None:
    assert Summary.of([7.0]) == Summary(1, {50: 7.0, 90: 7.0, 99: 7.0}, 7.0, 7.0)


def test_no_samples_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


@given(times)
def test_percentiles_rise_and_stay_within_the_samples(samples: list[float]) -> None:
    found = [percentile(samples, percent) for percent in (0, 50, 90, 99, 100)]
    assert all(a <= b or a == pytest.approx(b) for a, b in pairwise(found))
    assert (found[0], found[-1]) == (min(samples), max(samples))


@given(times)
def test_the_50th_percentile_is_the_median(samples: list[float]) -> None:
    assert percentile(samples, 50) == pytest.approx(statistics.median(samples))


@given(times, st.randoms())
def test_the_order_of_samples_does_not_matter(samples: list[float], random: Random) -> None:
    shuffled = list(samples)
    random.shuffle(shuffled)
    assert Summary.of(shuffled) == Summary.of(samples)


def test_a_limit_is_a_multiple_of_the_reference_plus_an_allowance() -> None:
    quality = Quality("served", "ours", "theirs", factor=1.1, allowance=20)
    verdict = Verdict(quality, 50, measured=130.0, reference=100.0)
    assert verdict.limit == pytest.approx(130)
    assert verdict.ratio == pytest.approx(1.3)
    assert quality.formula == "at most 1.10 x theirs + 20 ms"


@pytest.mark.parametrize(("measured", "is_reached"), [(149.9, True), (150.0, True), (150.1, False)])
def test_a_quality_is_reached_up_to_its_limit(measured: float, is_reached: bool) -> None:
    assert Verdict(Quality("committed", "ours", "bare", 1.5), 50, measured, 100.0).is_reached is is_reached


def test_every_quality_is_judged_at_every_percentile() -> None:
    quality = Quality("served", "ours", "theirs", factor=2.0)
    found = verdicts([quality], summaries({"ours": [1.0, 2.0, 3.0], "theirs": [1.0, 1.0, 1.0]}))
    assert [verdict.percent for verdict in found] == list(PERCENTILES)
    assert [verdict.is_reached for verdict in found] == [True, False, False]
