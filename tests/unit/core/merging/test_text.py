"""Texts merge by line: what one side changed arrives, what both changed clashes, and no input takes long."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.merging.text import merge_lines

SECONDS = 5.0
"""Far more than the bounded cost on a busy machine, far less than the unbounded one."""

texts = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "\n", "d"]), max_size=8).map("".join)
NUMBERS = [f"{number:x}\n" for number in range(45_000)]


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


@settings(max_examples=50)
@given(st.sets(st.integers(0, 59)), st.sets(st.integers(0, 59)))
def test_each_line_is_the_one_of_the_side_that_changed_it(ours: set[int], theirs: set[int]) -> None:
    base = [f"line {number}\n" for number in range(60)]
    touched = {number + step for number in ours for step in (-1, 0, 1)}
    mine = [
        "".join(f"{who} {n}\n" if n in part else line for n, line in enumerate(base))
        for who, part in (("o", ours), ("t", theirs))
    ]
    merged = merge_lines("".join(base), *mine)
    if touched & theirs:
        assert merged is None
    else:
        assert merged == "".join(
            f"o {n}\n" if n in ours else f"t {n}\n" if n in theirs else line for n, line in enumerate(base)
        )


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
