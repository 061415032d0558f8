"""JSON values merge member by member; JSON texts keep their look."""

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.merging.structure import Mark, merge_json, merge_values, same

leaves = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([1.0, 0.5, "x", "y"])
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=12
)


def _named(name: str, rest: dict[str, Any]) -> dict[str, Any]:
    return {**rest, "name": name}


named: st.SearchStrategy[Any] = st.lists(
    st.builds(_named, st.sampled_from("abcd"), st.dictionaries(st.just("x"), leaves)),
    unique_by=operator.itemgetter("name"),
)
anything: st.SearchStrategy[Any] = values | named
members = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 2))


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}),
        ({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2}),
        ({"a": {"x": 1}}, {}, {"a": {"x": 2}}, Mark.CLASH),
        ({}, {"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({}, {"a": 1}, {"a": 2}, Mark.CLASH),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": [1]}, Mark.CLASH),
        ({"a": 1}, {"a": 1.0, "b": 1}, {"a": 2}, {"a": 2, "b": 1}),
        ({"a": 1}, {"a": True}, {"a": 2}, Mark.CLASH),
        ({"a": None}, {}, {"a": None, "b": 1}, {"b": 1}),
        ([1, 2, 3], [0, 1, 2, 3], [1, 2, 3, 4], [0, 1, 2, 3, 4]),
        ([1, 2], [1, 2, 3], [1, 2, 4], Mark.CLASH),
        ([1, True, "1"], [1, True], [0, 1, True, "1"], [0, 1, True]),
        (
            [{"role": 1}, {"role": 2}],
            [{"role": 3}, {"role": 2}],
            [{"role": 1}, {"role": 2}, 5],
            [{"role": 3}, {"role": 2}, 5],
        ),
    ],
)
def test_both_sides_changes_are_taken_or_clash(base: Any, ours: Any, theirs: Any, merged: Any) -> None:
    assert merge_values(base, ours, theirs) == merged


def elements(**texts: Any) -> list[dict[str, Any]]:
    return [{"name": name, "is": text} for name, text in texts.items()]


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        (elements(a=2, b=1), elements(a=1, b=2), elements(a=2, b=2)),
        (elements(a=1, b=1, o=1), elements(a=1, b=1, t=1), elements(a=1, b=1, o=1, t=1)),
        (elements(b=1), elements(a=1, t=1, b=2), elements(t=1, b=2)),
        (elements(a=2, b=1), elements(b=1, a=1), elements(b=1, a=2)),
        (elements(b=1), elements(a=2, b=1), Mark.CLASH),
        (elements(a=1, b=1, n=1), elements(a=1, b=1, n=2), Mark.CLASH),
    ],
    ids=["changes", "additions", "deletion", "order", "deleted and changed", "added differently"],
)
def test_lists_of_named_objects_merge_by_name(ours: Any, theirs: Any, merged: Any) -> None:
    assert merge_values(elements(a=1, b=1), ours, theirs) == merged


def test_lists_that_both_sides_ordered_differently_clash() -> None:
    base, ours, theirs = (elements(**dict.fromkeys(order, 1)) for order in ("abc", "bac", "acb"))
    assert merge_values(base, ours, theirs) is Mark.CLASH


@given(anything, anything)
def test_an_unchanged_side_yields(base: Any, changed: Any) -> None:
    assert same(merge_values(base, base, changed), changed)
    assert same(merge_values(base, changed, base), changed)
    assert same(merge_values(base, changed, changed), changed)


@given(anything, anything, anything)
def test_sides_clash_whichever_is_ours(base: Any, ours: Any, theirs: Any) -> None:
    assert (merge_values(base, ours, theirs) is Mark.CLASH) == (merge_values(base, theirs, ours) is Mark.CLASH)


@given(members, members, members)
def test_each_member_is_the_one_of_the_side_that_changed_it(
    base: dict[str, int], ours: dict[str, int], theirs: dict[str, int]
) -> None:
    merged = merge_values(base, ours, theirs)
    if merged is Mark.CLASH:
        assert any(len({base.get(key), ours.get(key), theirs.get(key)}) == 3 for key in "abcde")
        return
    for key in "abcde":
        changed = theirs if ours.get(key) == base.get(key) else ours
        assert merged.get(key) == changed.get(key)


@given(anything, anything, anything)
def test_no_leaf_is_invented(base: Any, ours: Any, theirs: Any) -> None:
    merged = merge_values(base, ours, theirs)
    if merged is not Mark.CLASH:
        assert paths(merged) <= paths(ours) | paths(theirs)


def paths(value: Any) -> set[tuple[str, str]]:
    """Every leaf with the keys that lead to it; positions in lists do not count."""
    if isinstance(value, dict):
        return {(f"{key}.{path}", leaf) for key, each in value.items() for path, leaf in paths(each)}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list):
        return {(f"[].{path}", leaf) for each in value for path, leaf in paths(each)}  # pyright: ignore[reportUnknownVariableType]
    return {("", repr(value))}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ('{"a":1,"b":2}', '{"a":5,"b":2}', '{"a":1,"b":7,"c":3}\n', '{"a":5,"b":7,"c":3}'),
        ('{"a": 1, "b": 2}\n', '{"a": 5, "b": 2}\n', '{"a": 1, "b": 7}\n', '{"a": 5, "b": 7}\n'),
        ('{\n\t"a": 1,\n\t"b": 2\n}', '{\n\t"a": 5,\n\t"b": 2\n}', '{"a": 1}', '{\n\t"a": 5\n}'),
        ('{\r\n "a": 1\r\n}', '{\r\n "b": 1,\r\n "a": 1\r\n}', '{"a": "ü"}', '{\r\n "b": 1,\r\n "a": "ü"\r\n}'),
        ('["\\u00fc"]', '["\\u00fc", 1]', '[0, "\\u00fc"]', '[0, "\\u00fc", 1]'),
        (
            '{"a":[1]\n\n,\n"b" :3}',
            '{"a":[1,\t2]\n\n,\n"b" :3}',
            '{"a":[1]\n\n,\n"b" :5}',
            '{"a":[1,\t2]\n\n,\n"b" :5}',
        ),
    ],
    ids=["compact", "spaced", "tabs", "carriage returns", "escapes", "by line"],
)
def test_json_texts_keep_the_look_of_ours(base: str, ours: str, theirs: str, merged: str) -> None:
    assert merge_json(base, ours, theirs) == merged


@pytest.mark.parametrize(
    "odd", ['{"a": 1, "a": 2,', "NaN,", "1e999,", "0.12345678901234567890,", "// comment", "[" * 100_000]
)
def test_texts_that_are_not_exactly_json_merge_by_line(odd: str) -> None:
    base = f"[\n1,\n\n{odd}\n\n2]"
    merged = merge_json(base, base.replace("1,\n", "3,\n"), base.replace("2]", "4]"))
    assert merged == base.replace("1,\n", "3,\n").replace("2]", "4]")
