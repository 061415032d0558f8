"""From samples to figures: percentiles, and whether a quality is reached. Pure. All times are milliseconds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PERCENTILES = (50, 90, 99)

Samples = Mapping[str, Sequence[float]]
"""Measurement → one time per run."""


def percentile(samples: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the samples are, interpolated between the two nearest.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("a percentile of no samples")
    ordered, rank = sorted(samples), (len(samples) - 1) * percent / 100
    below, above = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    return below + (above - below) * (rank - math.floor(rank))


@dataclass(frozen=True)
class Summary:
    """One measurement."""

    n: int
    """Number of samples."""
    percentiles: Mapping[int, float]
    lowest: float
    highest: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Summary":
        """The summary of at least one sample."""
        percentiles = {percent: percentile(samples, percent) for percent in PERCENTILES}
        return cls(len(samples), percentiles, min(samples), max(samples))


@dataclass(frozen=True)
class Quality:
    """A promise: one measurement takes at most `factor` times another one, plus `allowance`."""

    name: str
    measured: str
    reference: str
    factor: float
    allowance: float = 0.0

    @property
    def formula(self) -> str:
        """The limit in words."""
        allowance = f" + {self.allowance:.0f} ms" if self.allowance else ""
        return f"at most {self.factor:.2f} x {self.reference}{allowance}"


@dataclass(frozen=True)
class Verdict:
    """A quality at one percentile of both measurements."""

    quality: Quality
    percent: int
    measured: float
    reference: float

    @property
    def limit(self) -> float:
        """What is promised."""
        return self.quality.factor * self.reference + self.quality.allowance

    @property
    def ratio(self) -> float:
        """Measured to reference."""
        return self.measured / self.reference

    @property
    def is_reached(self) -> bool:
        """Whether the promise is kept."""
        return self.measured <= self.limit


def summaries(samples: Samples) -> dict[str, Summary]:
    """The summary of every measurement."""
    return {name: Summary.of(values) for name, values in samples.items()}


def verdicts(qualities: Sequence[Quality], found: Mapping[str, Summary]) -> list[Verdict]:
    """Every quality at every percentile."""
    return [
        Verdict(quality, percent, found[quality.measured].percentiles[percent], reference)
        for quality in qualities
        for percent, reference in found[quality.reference].percentiles.items()
    ]
