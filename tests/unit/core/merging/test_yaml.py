"""YAML texts merge by structure and keep comments, quotes and order of both sides."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from core.merging.yaml import merge_yaml

BASE = """\
# configuration
server:
    host: 'a'   # where it listens
    port: 1
tools:
  # the first
  - name: x
    on: true   # x is on
  - name: y
    on: false
tags: [one, two]
"""


def edited(*changes: tuple[str, str]) -> str:
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (("port: 1", "port: 2"), ("'a' ", "'b' ")),
        (("port: 1", "port: 2\n    tls: true"), ("# configuration", "# our configuration")),
        (("# where it listens", "# its address"), ("host: 'a'", "host: 'b'")),
        (("- name: y", "- name: y\n    level: 3"), ("on: false", "on: no")),
        (("    on: false\n", "    on: false\n  - name: z\n"), ("[one, two]", "[one, two, three]")),
    ],
    ids=["adjacent", "comment", "comment of a changed line", "within an element", "new element"],
)
def test_changes_of_both_sides_arrive_and_all_else_stays(ours: tuple[str, str], theirs: tuple[str, str]) -> None:
    for one, other in ((ours, theirs), (theirs, ours)):
        assert merge_yaml(BASE, edited(one), edited(other)) == edited(ours, theirs)


def test_additions_at_the_same_place_are_both_taken() -> None:
    assert merge_yaml(BASE, BASE + "ours: 1\n", BASE + "theirs: 2\n") == BASE + "ours: 1\ntheirs: 2\n"


def test_an_element_is_deleted_with_its_comment_only() -> None:
    merged = merge_yaml("- name: a # A\n- name: b # B\n", "- name: b # B\n", "- name: a # A\n- name: b # B\n  on: 1\n")
    assert merged == "- name: b # B\n  on: 1\n"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (("port: 1", "port: 2"), ("port: 1", "port: 3")),
        (("    port: 1\n", ""), ("port: 1", "port: 3")),
        (("# configuration", "# ours"), ("# configuration", "# theirs")),
        (("on: false", "on: false # ours"), ("on: false", "on: false # theirs")),
    ],
    ids=["value", "deleted and changed", "comment", "new comment"],
)
def test_changes_of_the_same_value_or_comment_clash(ours: tuple[str, str], theirs: tuple[str, str]) -> None:
    assert merge_yaml(BASE, edited(ours), edited(theirs)) is None
    assert merge_yaml(BASE, edited(theirs), edited(ours)) is None


def test_carriage_returns_stay() -> None:
    assert merge_yaml("a: 1\r\nb: 1\r\n", "a: 2\r\nb: 1\r\n", "a: 1\r\nb: 2\r\n") == "a: 2\r\nb: 2\r\n"


def test_a_clean_merge_by_line_that_says_something_else_is_not_taken() -> None:
    base = "a:\n  x: 1\n  y: 1\n\n\nb:\n  z: 1\n"
    assert merge_yaml(base, "n: 1\n" + base, base + "n: 2\n") is None


@pytest.mark.parametrize(
    "odd",
    ["a: [", "a: 1\na: 2", "a: !x 1", "a: 2024-01-01", "1: 2", "a: &x 1\nb: *x", "---\n--- ", "k: " + "x" * 20_000],
)
def test_texts_that_hold_no_plain_value_merge_by_line(odd: str) -> None:
    base = f"f: 1\n\n{odd}\n\n\n\n\n# end"
    assert merge_yaml(base, base.replace("f: 1", "f: 2"), base + "!") == base.replace("f: 1", "f: 2") + "!"


@pytest.mark.parametrize(
    "text", ["[" * 16_000, "[[]," * 4000, "a: &a [x]\n" + "b: [" + "*a," * 4000 + "]", "? " * 8000]
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    assert merge_yaml(text, text + "\n- x", text + "\n- y") is None
    assert time.process_time() - started < 5


documents = st.dictionaries(
    st.sampled_from("abcd"),
    st.sampled_from(["1", "'x'", "[1, 2]", "{k: v}  # why", "\n  - name: p  # P\n    v: 1\n  - name: q", "|\n  text"]),
).map(lambda members: "".join(f"{key}: {value}\n" for key, value in members.items()))


@settings(max_examples=60)
@given(documents, documents, documents)
def test_sides_clash_whichever_is_ours_and_comments_of_one_side_arrive(base: str, ours: str, theirs: str) -> None:
    merged, swapped = merge_yaml(base, ours, theirs), merge_yaml(base, theirs, ours)
    assert (merged is None) == (swapped is None)
    if merged is not None and swapped is not None:
        load = YAML(typ="safe", pure=True).load  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        assert load(merged) == load(swapped)
        assert "# why" in merged or "# why" not in ours or "# why" not in theirs
