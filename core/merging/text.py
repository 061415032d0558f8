"""diff3: three-way merge of texts by line, and of any sequence of strings by element."""

from collections.abc import Sequence
from difflib import Match, SequenceMatcher
from io import StringIO
from itertools import accumulate
from typing import Any, Final, cast

from merge3 import Merge3

MAX_COMPARISONS: Final = 500_000
"""Elements compared to align a side with the base, about 0.1 s. Without a bound, 256 KiB can take hours."""


def merge_lines(base: str, ours: str, theirs: str) -> str | None:
    """The text with both sides' changes; None if they touch the same or adjacent lines.

    Only a line feed ends a line, so carriage returns and a missing last line feed are kept as they are.
    """
    merged = merge_sequences(*(StringIO(text).readlines() for text in (base, ours, theirs)))
    return None if merged is None else "".join(merged)


def merge_sequences(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> list[str] | None:
    """The sequence with both sides' changes; None if they touch the same or adjacent elements."""
    merged: list[str] = []
    matcher = cast("type[Any]", _BoundedMatcher)
    for group in Merge3(base, ours, theirs, sequence_matcher=matcher).merge_groups():
        if group[0] == "conflict":
            return None
        merged += group[1]
    return merged


class _BoundedMatcher(SequenceMatcher[str]):
    """Finds no more matches when its comparisons are used up: the rest counts as changed, which is coarse but true."""

    def set_seqs(self, a: Sequence[str], b: Sequence[str]) -> None:
        super().set_seqs(a, b)
        positions: dict[str, list[int]] = cast("Any", self).b2j
        self._length = len(a)
        self._cost = list(accumulate((1 + len(positions.get(element, ())) for element in a), initial=0))
        self._left = MAX_COMPARISONS

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        end = self._length if ahi is None else ahi
        self._left -= self._cost[end] - self._cost[alo]
        return Match(alo, blo, 0) if self._left < 0 else super().find_longest_match(alo, end, blo, bhi)
