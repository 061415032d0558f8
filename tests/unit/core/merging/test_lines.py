"""Texts merge by line: what one side changed arrives, what both changed clashes, and no input takes long."""

import random
import time
from collections import Counter
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.merging import lines as lines
from core.merging.lines import merge_lines

SECONDS = 5.0
"""Far more than the bounded cost on a busy machine, far less than the unbounded one."""

texts = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "\n", "d"]), max_size=8).map("".join)
NUMBERS = [f"{number:x}\n" for number in range(45_000)]
LINES = [f"line {number}\n" for number in range(20)]

Edits = dict[int, tuple[int, int]]
"""From a line on, how many are deleted, and how many put in their place."""


def edits(inserted: int) -> st.SearchStrategy[Edits]:
    """Edits of LINES that each insert at least so many lines."""
    counts = st.tuples(st.integers(0, 2), st.integers(inserted, 2)).filter(any)
    places = st.dictionaries(st.integers(0, len(LINES)), counts, max_size=4)
    return places.map(lambda found: {at: counts for at, counts in found.items() if at + counts[0] <= len(LINES)})


def edited(*sides: tuple[str, Edits]) -> str:
    """LINES with the edits of each writer."""
    gone = {at + step for _, found in sides for at, (deleted, _) in found.items() for step in range(deleted)}
    lines: list[str] = []
    for number, line in enumerate([*LINES, ""]):
        for writer, found in sides:
            lines += [f"{writer} {number}.{step}\n" for step in range(found.get(number, (0, 0))[1])]
        lines += [] if number in gone else [line]
    return "".join(lines)


def touching(ours: Edits, theirs: Edits) -> bool:
    """Whether two edits overlap or touch, each of one side."""
    mine, their = ([(at, at + deleted) for at, (deleted, _) in found.items()] for found in (ours, theirs))
    return any(start <= last and first <= end for start, end in mine for first, last in their)


def test_changes_in_different_places_both_arrive() -> None:
    assert merge_lines("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\nd\n") == "A\nb\nC\nd\n"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("a\nX\nc\n", "a\nY\nc\n"), ("A\nb\nc\n", "a\nB\nc\n"), ("a\nc\n", "a\nB\nc\n"), ("a\nb\nc\nd", "a\nb\nc\ne")],
    ids=["same line", "adjacent lines", "deleted and changed", "both appended"],
)
def test_changes_of_the_same_place_clash(ours: str, theirs: str) -> None:
    assert merge_lines("a\nb\nc\n", ours, theirs) is None


def test_the_same_change_of_both_sides_arrives_once() -> None:
    assert merge_lines("a\nb\nc\n", "x\na\nb\nc\n", "x\na\nb\nC\n") == "x\na\nb\nC\n"


@pytest.mark.parametrize("text", ["a\r\nb\r\nc", "a\rb\nb\nc", "a\u2028b\x0c\nb\nc\x85", "\ufeffa\nb\nc"])
def test_line_endings_and_a_missing_last_one_are_kept(text: str) -> None:
    assert merge_lines(text, "new\n" + text, text.replace("c", "C")) == "new\n" + text.replace("c", "C")


@given(texts, texts, texts)
def test_swapping_the_sides_changes_nothing(base: str, ours: str, theirs: str) -> None:
    assert merge_lines(base, ours, theirs) == merge_lines(base, theirs, ours)


@given(texts, texts)
def test_an_unchanged_side_yields(base: str, changed: str) -> None:
    assert merge_lines(base, base, changed) == merge_lines(base, changed, base) == changed
    assert merge_lines(base, changed, changed) == changed


@given(texts, texts, texts)
def test_every_line_is_somebodys_and_only_lines_of_the_base_go(base: str, ours: str, theirs: str) -> None:
    merged = merge_lines(base, ours, theirs)
    if merged is not None:
        old, mine, their, result = (Counter(StringIO(text).readlines()) for text in (base, ours, theirs, merged))
        assert result <= mine + their
        assert mine - result <= old
        assert their - result <= old


@given(edits(1), edits(0))
def test_changes_clash_if_they_overlap_or_touch_and_otherwise_both_are_made(ours: Edits, theirs: Edits) -> None:
    base, mine, their = "".join(LINES), edited(("o", ours)), edited(("t", theirs))
    both = edited(("o", ours), ("t", theirs))
    if touching(ours, theirs):
        assert merge_lines(base, mine, their) is None
    else:
        assert merge_lines(base, mine, their) == both
        assert merge_lines(base, both, their) == merge_lines(base, mine, both) == both


def test_without_comparisons_left_only_a_whole_side_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_COMPARISONS", 0)
    assert merge_lines("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n") is None
    assert merge_lines("a\nb\nc\n", "A\nb\nc\n", "a\nb\nc\n") == "A\nb\nc\n"


def test_a_few_changes_in_5000_lines_merge_at_once() -> None:
    base = [f"line {number} of a text of which two copies are changed\n" for number in range(5000)]
    ours, theirs = base.copy(), base.copy()
    ours[100], theirs[4000] = "ours\n", "theirs\n"
    started = time.process_time()
    merged = merge_lines(*map("".join, (base, ours, theirs)))
    assert time.process_time() - started < 1
    assert merged == "".join([*base[:100], "ours\n", *base[101:4000], "theirs\n", *base[4001:]])


@pytest.mark.parametrize("case", ["shuffled", "every other line", "repeated", "empty lines"])
def test_no_text_takes_long(case: str) -> None:
    order = random.Random(1)
    base = {"repeated": [f"{n % 110}\n" for n in range(60_000)], "empty lines": ["\n"] * 262_144}.get(case, NUMBERS)
    ours, theirs = base.copy(), base.copy()
    if case == "every other line":
        ours[::2] = ["x" + line for line in ours[::2]]
        theirs[1::2] = ["y" + line for line in theirs[1::2]]
    else:
        ours, theirs = ([*order.sample(base, len(base)), last] for last in ("x", "y"))
    started = time.process_time()
    assert merge_lines(*map("".join, (base, ours, theirs))) is None
    assert time.process_time() - started < SECONDS
