from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from kube.backoff import DecorrelatedJitter, exponential


@given(seed=st.integers(), steps=st.integers(1, 200))
def test_decorrelated_waits_stay_between_base_and_maximum(seed: int, steps: int) -> None:
    backoff = DecorrelatedJitter(Random(seed), base_seconds=0.1, max_seconds=30)
    assert all(0.1 <= backoff.next() <= 30 for _ in range(steps))


def test_decorrelated_waits_grow_and_start_over_after_a_reset() -> None:
    backoff = DecorrelatedJitter(Random(1))
    assert max(backoff.next() for _ in range(50)) > 10
    backoff.reset()
    assert backoff.next() <= 0.3


@given(failures=st.integers(1, 10**6), seed=st.integers())
def test_exponential_waits_double_up_to_the_maximum_less_at_most_half(failures: int, seed: int) -> None:
    whole = min(30.0, 0.05 * 2 ** min(failures - 1, 20))
    assert whole / 2 <= exponential(failures, Random(seed), 0.05, 30.0) <= whole
