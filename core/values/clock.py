"""Hybrid logical clocks (Kulkarni, Demirbas et al. 2014) as text: causality without trust in wall clocks."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

ZERO: Final = "000000000000-0000"
"""Before every reading of any clock."""

_COUNTER_LIMIT = 0xFFFF
_MILLIS_LIMIT = 0xFFFF_FFFF_FFFF


def encode(millis: int, counter: int = 0) -> str:
    """The text form of a reading; `millis` since the Unix epoch."""
    if not (0 <= millis <= _MILLIS_LIMIT and 0 <= counter <= _COUNTER_LIMIT):
        raise ValueError(f"not a clock reading: {millis} ms, counter {counter}")
    return f"{millis:012x}-{counter:04x}"


def millis(hlc: str) -> int:
    """Milliseconds since the Unix epoch of a reading."""
    return int(hlc[:12], 16)


def tick(last: str, now_millis: int) -> str:
    """The next reading after `last`: the wall clock if that is ahead, else the smallest greater reading."""
    at, counter = millis(last), int(last[13:], 16)
    if now_millis > at:
        return encode(now_millis)
    return encode(at, counter + 1) if counter < _COUNTER_LIMIT else encode(at + 1)


def latest(readings: Iterable[str]) -> str:
    """The greatest reading, or ZERO."""
    return max(readings, default=ZERO)


def rfc3339(hlc: str) -> str:
    """The wall-clock time of a reading, to the millisecond."""
    return datetime.fromtimestamp(millis(hlc) / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
