"""What holds for all rules together."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policies.context_payload.contexts import broken, resource, tool

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(["name", "definition", "text", "data", "handler", "messages", "mode"])


def test_sound_items_break_no_rule() -> None:
    assert broken("tools", tool("a"), tool("b.c-d_e")) == {}
    assert broken("resources", resource()) == {}
    assert broken("prompts", {"name": "p", "definition": {"name": "p"}, "messages": []}) == {}


@given(
    context_type=st.sampled_from(["tools", "prompts", "resources", "nonsense"]),
    items=st.lists(json_values | st.dictionaries(field_names, json_values), max_size=4),
    policy=json_values | st.dictionaries(st.sampled_from(["default", "priority", "rules"]), json_values),
)
def test_no_context_whatever_makes_a_rule_fail(context_type: str, items: list[Any], policy: Any) -> None:
    broken(context_type, *items, conflictPolicy=policy)


@given(items=st.lists(st.sampled_from([tool("a"), tool("b"), tool("bad name"), tool("c", inputSchema={})]), max_size=4))
def test_a_violation_stays_when_items_are_added(items: list[Any]) -> None:
    before, after = broken("tools", *items), broken("tools", *items, tool("new"))
    assert all(set(violations) <= set(after[rule]) for rule, violations in before.items())
