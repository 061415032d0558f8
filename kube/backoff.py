"""How long to wait before trying again: two pure rules, randomness injected."""

from __future__ import annotations

from random import Random


class DecorrelatedJitter:
    """Growing random waits, so that many clients of one server do not retry at the same moments."""

    def __init__(self, random: Random, base_seconds: float = 0.1, max_seconds: float = 30.0) -> None:
        self._random = random
        self._base = base_seconds
        self._max = max_seconds
        self._last = base_seconds

    def next(self) -> float:
        """The next wait, seconds: between the base and three times the last one, at most the maximum."""
        self._last = min(self._max, self._random.uniform(self._base, self._last * 3))
        return self._last

    def reset(self) -> None:
        """Start over, after a time in which all was well."""
        self._last = self._base


def exponential(failures: int, random: Random, base_seconds: float, max_seconds: float) -> float:
    """The wait after so many failures in a row (from 1), seconds: doubling, less up to half of it at random."""
    # The exponent is bounded because 2.0 ** 1024 overflows, and a key may fail for weeks.
    whole = min(max_seconds, base_seconds * 2.0 ** min(failures - 1, 32))
    return whole * random.uniform(0.5, 1.0)
