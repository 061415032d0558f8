"""The rules, each with what it lets pass and what it stops."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.names import INLINE_LIMIT_BYTES
from policies.context_payload.payload import read_context
from policies.context_payload.rules import RULES


def broken(context_type: str, *items: Any) -> dict[str, list[tuple[str | None, str]]]:
    """Item and message of every violation, by rule."""
    props = {
        "metadata": {"name": "c"},
        "spec": {"contextType": context_type, "contextPayload": {"items": list(items)}},
    }
    context = read_context(props)
    found = {name: [(each.item, each.message) for each in rule.check(context)] for name, rule in RULES.items()}
    return {name: violations for name, violations in found.items() if violations}


def tool(name: str = "t", **definition: Any) -> dict[str, Any]:
    return {"name": name, "definition": {"name": name, "inputSchema": {"type": "object"}, **definition}}


def resource(uri: str = "resource:///r", **fields: Any) -> dict[str, Any]:
    return {"name": "r", "definition": {"uri": uri, "name": "r"}, "text": "hello", **fields}


def test_sound_items_break_no_rule() -> None:
    assert broken("tools", tool("a"), tool("b.c-d_e")) == {}
    assert broken("resources", resource()) == {}
    assert broken("prompts", {"name": "p", "definition": {"name": "p"}, "messages": []}) == {}


@pytest.mark.parametrize("name", ["has space", "a/b", "x" * 129, "", "naïve", "a\n"])
def test_a_tool_name_that_clients_refuse_is_stopped(name: str) -> None:
    assert "r01-tool-name" in broken("tools", tool(name))


def test_a_name_given_twice_is_stopped() -> None:
    assert broken("tools", tool("a"), tool("a"))["unique-names"] == [
        ("a", "declared 2 times; names are unique in a payload")
    ]


def test_two_resources_at_one_uri_are_stopped() -> None:
    (violation,) = broken("resources", resource(), {**resource(), "name": "other"})["unique-names"]
    assert "'resource:///r' is offered by 'other' and 'r'" in violation[1]


@pytest.mark.parametrize(
    "schema",
    [{}, {"type": "string"}, [], None, {"type": "object", "properties": []}],
    ids=["empty", "string", "array", "absent", "properties"],
)
def test_an_input_schema_that_breaks_the_whole_list_is_stopped(schema: Any) -> None:
    definition = {"name": "t"} if schema is None else {"name": "t", "inputSchema": schema}
    (violation, *_) = broken("tools", {"name": "t", "definition": definition})["r02-shape"]
    assert violation[0] == "t"
    assert "inputSchema" in violation[1]


@pytest.mark.parametrize(
    "uri",
    [
        "no-scheme",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///a/../../etc/passwd",
        "file:///a/%2e%2e/b",
        "file:///a/%252e%252e/b",
        "file:///a/..",
        "file:..",
    ],
)
def test_a_uri_without_scheme_or_with_script_or_traversal_is_stopped(uri: str) -> None:
    assert "r21-uri" in broken("resources", resource(uri))


@pytest.mark.parametrize("uri", ["resource:///a/b..c", "demo://x/..hidden/y", "https://example.test/a?b=c#d"])
def test_an_ordinary_uri_passes(uri: str) -> None:
    assert broken("resources", resource(uri)) == {}


def test_a_resource_has_exactly_one_content() -> None:
    without = {"name": "r", "definition": {"uri": "resource:///r"}}
    assert broken("resources", without)["r22-content"] == [
        ("r", "has no content; exactly one of text and data is needed")
    ]
    both = resource(data="aGVsbG8=")
    assert broken("resources", both)["r22-content"] == [
        ("r", "has text and data; exactly one of text and data is needed")
    ]


def test_a_template_may_be_without_content() -> None:
    assert broken("resources", {"name": "r", "definition": {"uriTemplate": "demo:///{id}", "name": "r"}}) == {}


def test_content_that_is_not_base64_is_stopped() -> None:
    item = {"name": "r", "definition": {"uri": "resource:///r"}, "data": "not base64"}
    assert "data is not base64" in broken("resources", item)["r22-content"][0][1]


def test_a_stated_size_is_that_of_the_raw_content() -> None:
    data = base64.b64encode(b"12345").decode()
    right = {"name": "r", "definition": {"uri": "resource:///r", "size": 5.0}, "data": data}
    assert broken("resources", right) == {}
    wrong = {"name": "r", "definition": {"uri": "resource:///r", "size": 8.0}, "data": data}
    assert broken("resources", wrong)["r22-content"] == [("r", "definition.size is 8, the content has 5 bytes")]


def test_a_payload_over_the_limit_is_stopped_and_its_largest_item_named() -> None:
    half = "x" * (INLINE_LIMIT_BYTES // 2)
    small = {"name": "small", "definition": {"uri": "resource:///small"}, "text": half}
    large = {"name": "large", "definition": {"uri": "resource:///large"}, "text": half + "x"}
    (violation,) = broken("resources", small, large)["r23-size"]
    assert violation[0] == "large"
    assert str(INLINE_LIMIT_BYTES) in violation[1]


def test_an_item_without_a_name_is_called_by_its_number() -> None:
    assert broken("prompts", {"name": "ok"}, {"definition": {}})["r02-shape"][0][0] == "number 2"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(["name", "definition", "text", "data", "handler", "messages", "mode"])


@given(
    context_type=st.sampled_from(["tools", "prompts", "resources", "nonsense"]),
    items=st.lists(json_values | st.dictionaries(field_names, json_values), max_size=4),
)
def test_no_payload_whatever_makes_a_rule_fail(context_type: str, items: list[Any]) -> None:
    broken(context_type, *items)


@given(items=st.lists(st.sampled_from([tool("a"), tool("b"), tool("bad name"), tool("c", inputSchema={})]), max_size=4))
def test_a_violation_stays_when_items_are_added(items: list[Any]) -> None:
    before, after = broken("tools", *items), broken("tools", *items, tool("new"))
    assert all(set(violations) <= set(after[rule]) for rule, violations in before.items())
