"""lines: three-way merge of texts by line (diff3), and of any sequence of strings by element.

`three_way` chooses between this, `structure` and `yaml`, by what a text holds.

Each side is compared with the base. Changes that overlap or touch make one region. A region that one side changed is
taken from that side; one that both changed is a clash, unless both have the same there (Khanna, Kunal, Pierce:
A Formal Investigation of Diff3, 2007).
"""

from collections.abc import Iterable, Iterator, Sequence
from difflib import Match, SequenceMatcher
from io import StringIO
from itertools import accumulate
from typing import Any, Final, NamedTuple, cast

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
    copied = 0
    for in_base, in_ours, in_theirs in _regions([*_hunks(base, ours, 0), *_hunks(base, theirs, 1)]):
        chosen = _changed(base[in_base], ours[in_ours], theirs[in_theirs])
        if chosen is None:
            return None
        merged += [*base[copied : in_base.start], *chosen]
        copied = in_base.stop
    return [*merged, *base[copied:]]


def _changed(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> Sequence[str] | None:
    """The side that changed; None if both did, differently."""
    if ours == theirs or base == theirs:
        return ours
    return theirs if base == ours else None


class _Hunk(NamedTuple):
    """What a side has replaced: elements `start` to `end` of the base, none if it only inserted some."""

    start: int
    end: int
    side: int
    """0: ours, 1: theirs."""
    shift: int
    """An element of the base that comes after it is so many places further on in the side."""


def _hunks(base: Sequence[str], changed: Sequence[str], side: int) -> Iterator[_Hunk]:
    """Where a side differs from the base, in order; between two hunks something is equal."""
    start = shift = 0
    for match in _BoundedMatcher(None, base, changed).get_matching_blocks():
        if match.a > start or match.b - match.a != shift:
            shift = match.b - match.a
            yield _Hunk(start, match.a, side, shift)
        start = match.a + match.size


def _regions(hunks: Iterable[_Hunk]) -> Iterator[tuple[slice, slice, slice]]:
    """Where base, ours and theirs are not all equal: hunks that overlap or touch make one region."""
    shifts = [0, 0]
    for group in _touching(sorted(hunks)):
        before = shifts.copy()
        for hunk in group:
            shifts[hunk.side] = hunk.shift
        start, end = group[0].start, max(hunk.end for hunk in group)
        ours, theirs = (slice(start + first, end + last) for first, last in zip(before, shifts, strict=True))
        yield slice(start, end), ours, theirs


def _touching(hunks: Iterable[_Hunk]) -> list[list[_Hunk]]:
    """The hunks, which are ordered, in groups between which the base is unchanged on both sides."""
    groups: list[list[_Hunk]] = []
    reached = -1
    for hunk in hunks:
        if hunk.start > reached:
            groups.append([])
        groups[-1].append(hunk)
        reached = max(reached, hunk.end)
    return groups


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
