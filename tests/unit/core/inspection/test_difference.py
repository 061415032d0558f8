"""Two payloads are compared by content, and what differs can be read."""

from hypothesis import given

from api.context_revision import ContextRevisionSpec
from api.item import ItemContent
from core.inspection.difference import DifferenceKind, differences, live, unified
from tests.unit.core.past import histories
from tests.unit.core.scene import content


@given(histories())
def test_a_payload_does_not_differ_from_itself(history: list[ContextRevisionSpec]) -> None:
    for revision in history:
        assert differences(live(revision), live(revision)) == []


@given(histories())
def test_payloads_without_a_difference_have_equal_digests_and_others_do_not(history: list[ContextRevisionSpec]) -> None:
    first, last = history[0], history[-1]
    assert (differences(live(first), live(last)) == []) == (first.digest == last.digest)


def test_each_item_that_differs_is_named_with_what_became_of_it() -> None:
    found = differences({"a": content("1"), "b": content("1")}, {"b": content("2"), "c": content("1")})
    assert [(difference.item, difference.kind) for difference in found] == [
        ("a", DifferenceKind.REMOVED),
        ("b", DifferenceKind.CHANGED),
        ("c", DifferenceKind.ADDED),
    ]


def test_values_that_python_takes_for_equal_but_json_does_not_are_different() -> None:
    one, true = ItemContent(definition={"x": 1}), ItemContent(definition={"x": True})
    assert len(differences({"a": one}, {"a": true})) == 1


def test_text_is_compared_line_by_line_and_the_rest_as_sorted_json() -> None:
    before = ItemContent(definition={"b": 1, "a": 2}, text="one\ntwo\n")
    after = ItemContent(definition={"a": 2, "b": 3}, text="one\n2\n")
    lines = unified(differences({"x": before}, {"x": after})[0], "version 1", "version 2")
    assert lines[:2] == ["--- x  version 1", "+++ x  version 2"]
    assert {"-two", "+2", " one", '-    "b": 1', '+    "b": 3'} <= set(lines)


def test_a_missing_line_end_is_visible() -> None:
    before, after = ItemContent(text="one\n"), ItemContent(text="one")
    assert unified(differences({"x": before}, {"x": after})[0], "", "")[-2:] == ["-one", "+one\\ no newline at end"]
