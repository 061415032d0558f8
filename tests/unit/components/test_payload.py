"""Payload authoring: from Python, from a directory, from what servers list."""

import json
from pathlib import Path

import pytest

from api.item import ContextType, Item
from components.payload import from_directory, from_mcp_dump, item_name, prompt, static_json, static_text, tool
from core.site import directory
from core.values.item_rules import check

DUMP = Path(__file__).parents[3] / "examples/reference_servers.json"


def test_a_prompt_asks_for_every_placeholder_once() -> None:
    assert prompt("greet", "Hello {{name}}, {{ name }} of {{place}}").get("definition") == {
        "name": "greet",
        "arguments": [{"name": "name", "required": True}, {"name": "place", "required": True}],
    }


def test_authored_items_can_be_served() -> None:
    add = tool("add", "Adds", {"type": "object"}, static_text("5"))
    for context_type, item in ((ContextType.TOOLS, add), (ContextType.PROMPTS, prompt("p", "Hi", "Says hi"))):
        content = Item.model_validate(item).content
        assert check(context_type, item["name"], content) == []


def test_a_static_value_is_given_as_text_and_as_structure() -> None:
    result = static_json({"sum": 5})["static"]
    assert result["structuredContent"] == {"sum": 5}
    assert json.loads(result["content"][0]["text"]) == {"sum": 5}


@pytest.mark.parametrize(
    ("context_type", "count"), [(ContextType.TOOLS, 52), (ContextType.PROMPTS, 5), (ContextType.RESOURCES, 10)]
)
def test_everything_that_the_reference_servers_list_becomes_an_item(context_type: ContextType, count: int) -> None:
    items = from_mcp_dump(DUMP, context_type)
    assert len({item["name"] for item in items}) == len(items) == count
    assert all(Item.model_validate(item) for item in items)


def test_nulls_of_a_dump_are_dropped() -> None:
    dump = {"s": {"tools": [{"name": "t", "annotations": None, "inputSchema": {"type": "object", "title": None}}]}}
    assert from_mcp_dump(dump, ContextType.TOOLS) == [
        {"name": "t", "definition": {"name": "t", "inputSchema": {"type": "object"}}}
    ]


def test_only_a_name_that_servers_share_gets_the_servers_name() -> None:
    dump = {"a": {"tools": [{"name": "read"}, {"name": "own"}]}, "b": {"tools": [{"name": "read"}]}}
    assert [item["name"] for item in from_mcp_dump(dump, ContextType.TOOLS)] == ["a.read", "own", "b.read"]


def test_a_tool_that_gets_its_servers_name_offers_itself_under_it() -> None:
    dump = {"a": {"tools": [{"name": "read"}]}, "b": {"tools": [{"name": "read"}]}}
    assert [item.get("definition", {})["name"] for item in from_mcp_dump(dump, ContextType.TOOLS)] == [
        "a.read",
        "b.read",
    ]


def test_a_server_that_lists_a_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"tools listed twice by one server: s\.t"):
        from_mcp_dump({"s": {"tools": [{"name": "t"}, {"name": "t"}]}}, ContextType.TOOLS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("notes/today.md", "notes/today.md"),
        ("Dynamic Text Resource", "Dynamic-Text-Resource"),
        ("../../etc/passwd", "etc/passwd"),
        (".hidden", "hidden"),
        ("ümlaut", "mlaut"),
    ],
)
def test_a_definitions_name_is_made_fit_for_a_path(name: str, expected: str) -> None:
    assert item_name(name) == expected


def test_a_directory_gives_back_the_items_that_were_written_into_it(tmp_path: Path) -> None:
    authored = [prompt("a", "Hello {{name}}"), prompt("sub/b", "Bye")]
    for item in authored:
        for path, file in directory.render(
            ContextType.PROMPTS, item["name"], Item.model_validate(item).content
        ).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(file.data)
    assert from_directory(tmp_path, ContextType.PROMPTS) == authored


def test_files_that_are_no_items_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    for name in ("a.json", "b.json"):
        (tmp_path / "tools" / name).write_text("{")
    with pytest.raises(ValueError, match=r"(?s)not a tools context:.*a\.json.*b\.json"):
        from_directory(tmp_path, ContextType.TOOLS)


def test_a_directory_that_is_not_there_is_no_empty_context(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no folder prompts"):
        from_directory(tmp_path, ContextType.PROMPTS)
