"""Placeholders are found, and replaced once, everywhere, and only where they are known."""

from hypothesis import given
from hypothesis import strategies as st

from core.values.placeholders import fill, find


def test_placeholders_are_replaced_at_every_depth() -> None:
    messages = [{"content": {"text": "{{a}} and {{ b }}"}, "n": 1}]
    assert fill(messages, {"a": "1", "b": "2"}) == [{"content": {"text": "1 and 2"}, "n": 1}]


def test_every_placeholder_is_found_once_in_order() -> None:
    assert find("{{b}} {{ a }} {{b}} {c} {{größe}}") == ["b", "a", "größe"]


@given(st.text(alphabet="{} ab\n"))
def test_what_is_found_is_what_is_filled_in(text: str) -> None:
    filled = fill(text, dict.fromkeys(find(text), "x"))
    assert (filled == text) == (find(text) == [])


def test_an_unknown_placeholder_stays() -> None:
    assert fill("{{a}} {{x}} {a}", {"a": "1"}) == "1 {{x}} {a}"


@given(st.text())
def test_what_is_filled_in_is_not_read_again(value: str) -> None:
    assert fill("{{a}}{{b}}", {"a": "{{b}}", "b": value}) == "{{b}}" + value
