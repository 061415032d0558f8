"""three_way: the changes that two sides made to an item's content all arrive, or the sides clash."""

import inspect
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.item import Item, ItemContent
from core.merging.three_way import three_way
from core.values.canonical import content_digest

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}

objects = st.dictionaries(
    st.sampled_from(["title", "mimeType", "x"]), st.sampled_from(["a", "application/json", 1, True])
)
handlers = st.sampled_from([None, {"static": {"x": 1}}, {"static": {"x": 2, "y": 1}}, {"python": {"entrypoint": "f"}}])
texts = st.sampled_from(["", "a\n", "a\nb\n\nc", "A\nb\n\nc", "a\nb\n\nC", '{"a":1}', '{"a":1,"b":2}', '{"a":3}'])
bodies = texts.map(lambda text: {"text": text}) | st.sampled_from([{}, {"data": "QQ=="}])
messages = st.none() | st.lists(st.sampled_from([{"role": "user"}, {"role": "assistant"}, {"name": "n"}]), max_size=3)


@st.composite
def contents(draw: st.DrawFn) -> ItemContent:
    return ItemContent(
        definition=draw(objects),
        handler=draw(handlers),
        messages=draw(messages),
        mode=draw(st.sampled_from([None, "0644", "0755"])),
        **draw(bodies),
    )


def tool(text: str | None = None, **definition: Any) -> ItemContent:
    return ItemContent(definition=definition, text=text)


def digest(content: ItemContent | None) -> str | None:
    return content and content_digest(content)


def test_a_new_description_and_a_new_parameter_are_both_taken() -> None:
    wider = {**SCHEMA, "properties": {**SCHEMA["properties"], "b": {"type": "integer"}}}
    merged = three_way(
        tool(description="old", inputSchema=SCHEMA),
        tool(description="new", inputSchema=SCHEMA),
        tool(description="old", inputSchema=wider),
    )
    assert merged == tool(description="new", inputSchema=wider)


def test_two_new_descriptions_clash() -> None:
    assert three_way(tool(title="old"), tool(title="a"), tool(title="b")) is None


def test_a_definition_and_a_text_merge_independently() -> None:
    merged = three_way(tool("a\n", title="x"), tool("a\nb\n", title="x"), tool("a\n", title="y"))
    assert merged == tool("a\nb\n", title="y")


def test_without_a_base_only_equal_contents_merge() -> None:
    assert three_way(None, tool(x=1, y=2), tool(y=2, x=1.0)) == tool(x=1, y=2)
    assert three_way(None, tool(x=1), tool(y=2)) is None


def test_a_text_that_became_bytes_clashes_with_a_changed_text() -> None:
    base, binary = ItemContent(text="a"), ItemContent(data="QQ==")
    assert three_way(base, binary, ItemContent(text="b")) is None
    assert three_way(base, binary, base) == binary
    assert three_way(base, ItemContent(), ItemContent(text="b")) is None


def test_a_handler_answers_in_one_way() -> None:
    def content(**handler: Any) -> ItemContent:
        return ItemContent(handler=handler or None)

    assert three_way(content(), content(python={}), content(http={})) is None
    assert three_way(content(), content(static={"a": 1}), content(static={"b": 1})) == content(static={"a": 1, "b": 1})


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"definition": {"mimeType": "application/json; charset=utf-8"}}, "x"),
        ({"definition": {"mimeType": "application/schema+json"}}, "x.txt"),
        ({"mediaType": "Application/JSON"}, "x"),
        ({"definition": {"mimeType": "text/plain"}}, "folder/x.JSON"),
        ({}, "x.json"),
    ],
)
def test_json_is_known_by_media_type_or_name(content: dict[str, Any], name: str) -> None:
    texts = ("{}", '{"a": 1}', '{"b": 2}')
    base, ours, theirs = (ItemContent.model_validate({**content, "text": text}) for text in texts)
    merged = three_way(base, ours, theirs, name)
    assert merged is not None
    assert merged.text == '{"a": 1, "b": 2}'


@pytest.mark.parametrize(("media_type", "name"), [("text/yaml", ""), ("application/x-yaml", ""), (None, "a.yml")])
def test_yaml_is_known_by_media_type_or_name(media_type: str | None, name: str) -> None:
    texts = ("a: 1\n", "a: 1\nb: 1\n", "a: 1\nc: 1\n")
    base, ours, theirs = (ItemContent(text=text, media_type=media_type) for text in texts)
    merged = three_way(base, ours, theirs, name)
    assert merged is not None
    assert merged.text == "a: 1\nb: 1\nc: 1\n"


def test_what_would_be_too_large_an_item_clashes() -> None:
    middle = "x\n" * 5
    base, ours, theirs = (ItemContent(text=t) for t in (middle, "o" * 200_000 + "\n" + middle, middle + "t" * 200_000))
    assert three_way(base, ours, theirs) is None
    talk = [{"role": str(number)} for number in range(200)]
    base, ours, theirs = (ItemContent(messages=m) for m in (talk[:2], talk[:100] + talk[:2], talk[:2] + talk))
    assert three_way(base, ours, theirs) is None


def test_what_is_too_deep_to_merge_clashes() -> None:
    def deep(**leaf: int) -> ItemContent:
        value: dict[str, Any] = dict(leaf)
        for _ in range(150):
            value = {"a": value}
        return tool(**value)

    sides = deep(x=1), deep(y=1)
    assert three_way(tool(), *sides) == deep(x=1, y=1)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 420)
    try:
        assert three_way(tool(), *sides) is None
    finally:
        sys.setrecursionlimit(limit)


def test_a_named_item_merges_as_its_content() -> None:
    named = Item.of("a", tool(x=1, y=1))
    assert three_way(named, tool(x=2, y=1), tool(x=1, y=2)) == tool(x=2, y=2)


@given(contents(), contents())
def test_an_unchanged_side_yields(base: ItemContent, changed: ItemContent) -> None:
    assert digest(three_way(base, base, changed)) == digest(changed)
    assert digest(three_way(base, changed, base)) == digest(changed)
    assert digest(three_way(base, changed, changed)) == digest(changed)


@settings(max_examples=200)
@given(contents(), contents(), contents())
def test_swapping_the_sides_changes_neither_clash_nor_fields(
    base: ItemContent, ours: ItemContent, theirs: ItemContent
) -> None:
    merged, swapped = three_way(base, ours, theirs), three_way(base, theirs, ours)
    assert (merged is None) == (swapped is None)
    if merged is not None and swapped is not None:
        assert merged.definition == swapped.definition
        for field in ("mode", "data"):
            changed = theirs if getattr(ours, field) == getattr(base, field) else ours
            assert getattr(merged, field) == getattr(changed, field)
