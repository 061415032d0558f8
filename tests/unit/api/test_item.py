"""Items keep what they are given, except what would not survive the way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.item import Item, ItemContent

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_an_item_on_the_wire_reads_back_equal(definition: dict[str, Any]) -> None:
    item = Item(name="a", definition=definition)
    assert Item.model_validate(item.wire()) == item


def test_null_members_are_dropped_at_every_depth_but_not_in_lists() -> None:
    content = ItemContent(definition={"a": None, "b": {"c": None, "d": [None, {"e": None}]}})
    assert content.definition == {"b": {"d": [None, {}]}}


def test_an_integer_that_json_would_change_is_refused() -> None:
    with pytest.raises(ValidationError, match="beyond 2\\^53-1"):
        ItemContent(definition={"a": 2**53})


def test_text_and_data_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most one content"):
        ItemContent(text="a", data="YQ==")


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a//b", "/abs", "a/../b", "a b", "a\n"])
def test_a_name_that_is_no_safe_path_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Item(name=name)
