"""The context directory: what is rendered is read back exactly; what a person writes is understood or a problem."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.item import ContextType, ItemContent
from core.site.directory import File, parse, render
from core.site.item_paths import SIDECAR, clashes, item_of

TOOLS, PROMPTS, RESOURCES = ContextType.TOOLS, ContextType.PROMPTS, ContextType.RESOURCES

component = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,6}", fullmatch=True)
ending = st.sampled_from(["", ".md", ".json", ".py", ".tmp", ".swp", ".tar.gz", ".yaml", SIDECAR, SIDECAR + SIDECAR])
names = st.tuples(st.lists(component, min_size=1, max_size=3).map("/".join), ending).map("".join)
scalar = (
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
value = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
free_form = st.dictionaries(st.text(max_size=5), value, max_size=3)
definitions = free_form | st.just({"uri": "resource:///a", "name": "a", "mimeType": "text/plain"})
broken_base64 = st.sampled_from(["A", "AB", "AB==", "AAAAA="])
base64_data = (st.binary() | st.text().map(str.encode)).map(base64.b64encode).map(bytes.decode) | broken_base64
bodies = st.one_of(
    st.fixed_dictionaries(dict[str, st.SearchStrategy[str]]()),
    st.fixed_dictionaries({"text": st.text()}),
    st.fixed_dictionaries({"data": base64_data}),
)


@st.composite
def contents(draw: st.DrawFn) -> ItemContent:
    optional = st.fixed_dictionaries(
        {"definition": definitions},
        optional={
            "handler": free_form,
            "messages": st.lists(free_form, max_size=2),
            "mediaType": st.text(max_size=9),
            "mode": st.sampled_from(["0755", "0644", "0600", "0700"]),
        },
    )
    return ItemContent.model_validate({**draw(optional), **draw(bodies)})


payloads = st.dictionaries(names, contents(), max_size=4)


@given(context_type=st.sampled_from(ContextType), payload=payloads)
def test_what_is_rendered_is_read_back_exactly(context_type: ContextType, payload: dict[str, ItemContent]) -> None:
    blocked = clashes(context_type, payload)
    payload = {name: content for name, content in payload.items() if name not in blocked}
    files: dict[str, File] = {}
    for name, content in payload.items():
        rendered = render(context_type, name, content)
        assert not files.keys() & rendered.keys(), "no two items share a file"
        assert {item_of(context_type, path) for path in rendered} == {name}
        files |= rendered
    parsed = parse(context_type, files)
    assert parsed.items == payload
    assert list(parsed.items) == sorted(payload)
    assert (parsed.problems, parsed.unreadable) == ([], frozenset())


@given(payload=payloads)
def test_names_without_clash_make_paths_that_a_file_system_can_hold(payload: dict[str, ItemContent]) -> None:
    blocked = clashes(RESOURCES, payload)
    paths = {p for name in payload if name not in blocked for p in render(RESOURCES, name, payload[name])}
    assert not [path for path in paths for other in paths if path.startswith(other + "/")]


@given(context_type=st.sampled_from(ContextType), path=st.text(), data=st.binary())
def test_any_bytes_are_an_item_or_a_problem_but_never_an_error(
    context_type: ContextType, path: str, data: bytes
) -> None:
    for ending in ("", ".json", ".py", SIDECAR):
        parse(context_type, {f"{context_type}/{path}{ending}": File(data)})
        parse(context_type, {f"{context_type}/a{ending}": File(data)})


def test_a_plain_file_is_a_whole_resource() -> None:
    parsed = parse(RESOURCES, {"resources/notes/today.md": File("Grüße\r\n".encode())})
    assert parsed.items["notes/today.md"] == ItemContent(
        definition={"uri": "resource:///notes/today.md", "name": "notes/today.md", "mimeType": "text/markdown"},
        text="Grüße\r\n",
    )


def test_bytes_that_are_not_text_become_data() -> None:
    parsed = parse(RESOURCES, {"resources/logo": File(b"\x89PNG\xff", executable=True)})
    content = parsed.items["logo"]
    assert (content.data, content.mode) == (base64.b64encode(b"\x89PNG\xff").decode(), "0755")
    assert content.definition["mimeType"] == "application/octet-stream"


def test_a_resource_gets_a_sidecar_only_when_it_says_more_than_its_file() -> None:
    plain = parse(RESOURCES, {"resources/a.txt": File(b"a")}).items["a.txt"]
    assert list(render(RESOURCES, "a.txt", plain)) == ["resources/a.txt"]
    described = plain.model_copy(update={"definition": {**plain.definition, "description": "A"}})
    assert list(render(RESOURCES, "a.txt", described)) == ["resources/a.txt", "resources/a.txt.mcp.json"]


def test_deleting_the_content_of_a_resource_deletes_it_even_if_its_sidecar_stays() -> None:
    content = ItemContent(definition={"uri": "note:///a", "name": "A"}, text="a")
    files = render(RESOURCES, "a", content)
    del files["resources/a"]
    assert parse(RESOURCES, files).items == {}
    assert item_of(RESOURCES, "resources/a.mcp.json") == "a"


def test_a_template_needs_no_content_file() -> None:
    sidecar = File(b'{"definition": {"uriTemplate": "note:///{id}"}}')
    assert parse(RESOURCES, {"resources/note.mcp.json": sidecar}).items["note"].text is None


def test_a_tool_is_its_document_and_its_module() -> None:
    content = ItemContent(
        definition={"inputSchema": {"type": "object"}}, text="def run(): ...\n", handler={"python": {}}
    )
    files = render(TOOLS, "add", content)
    assert files["tools/add.py"].data == b"def run(): ...\n"
    assert json.loads(files["tools/add.json"].data) == {"definition": content.definition, "handler": {"python": {}}}
    assert files["tools/add.json"].data.startswith(b'{\n  "definition": {\n')
    assert files["tools/add.json"].data.endswith(b"}\n")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"tools/x.json": b'{"definition": {},\n "handler": \n}'},
            "tools/x.json:3: not JSON: Expecting value (column 1)",
        ),
        ({"tools/x.json": b"{}\n\xff"}, "tools/x.json:2: not UTF-8 text"),
        ({"tools/x.json": b"[]"}, "tools/x.json:1: not a JSON object"),
        ({"tools/x.json": b'{"definition": {"a": NaN}}'}, "tools/x.json: not portable JSON"),
        ({"tools/x.json": b'{"definition": {"a": 1e999}}'}, "tools/x.json: not portable JSON"),
        ({"tools/x.json": b'{"definition": {"a": "\\ud800"}}'}, "tools/x.json: holds half of a surrogate pair"),
        ({"tools/x.json": b'{"definition": {"a": 9007199254740993}}'}, "tools/x.json: definition: "),
        ({"tools/x.json": b'{"inputSchema": {}}'}, "tools/x.json: inputSchema: "),
        ({"tools/x.json": b"[" * 100_000}, "tools/x.json: not portable JSON"),
        ({"tools/x.json": b'{"definition": {"a": ' + b"[" * 300 + b"]" * 300 + b"}}"}, "tools/x.json: nested more"),
        ({"tools/x.py": b"1"}, "tools/x.py: there is no tools/x.json"),
        ({"tools/x.json": b'{"text": "a"}', "tools/x.py": b"1"}, "tools/x.json: text or data is set"),
        ({"tools/x.json": b'{"mode": "9"}', "tools/x.py": b"1"}, "tools/x.json: mode: "),
    ],
)
def test_a_file_that_cannot_be_read_makes_its_item_unreadable(files: dict[str, bytes], problem: str) -> None:
    parsed = parse(TOOLS, {path: File(data) for path, data in files.items()})
    assert (parsed.items, parsed.unreadable) == ({}, frozenset({"x"}))
    assert [str(each)[: len(problem)] for each in parsed.problems] == [problem]


def test_the_other_items_of_a_directory_with_a_bad_file_are_read() -> None:
    parsed = parse(PROMPTS, {"prompts/bad.json": File(b"{"), "prompts/good.json": File(b'{"messages": []}')})
    assert list(parsed.items) == ["good"]


@pytest.mark.parametrize("folder", ["tools", "tools/.git", "prompts"])
@pytest.mark.parametrize("file", [".x.json", "x.json~", "x.tmp", "x.swp", "4913.swx", "#x.json"])
def test_files_that_editors_leave_behind_and_other_folders_are_ignored(folder: str, file: str) -> None:
    path = f"{folder}/{file}"
    parsed = parse(TOOLS, {path: File(b"x")})
    assert (parsed.items, parsed.problems, item_of(TOOLS, path)) == ({}, [], None)


@pytest.mark.parametrize("path", ["tools/x.txt", "tools/a b.json", "tools/-x.json", "tools/a//b.json"])
def test_files_that_cannot_be_an_items_are_problems(path: str) -> None:
    parsed = parse(TOOLS, {path: File(b"{}")})
    assert [(problem.item, problem.path) for problem in parsed.problems] == [(None, path)]
    assert parsed.unreadable == frozenset()


def test_the_permission_of_the_file_wins_over_a_written_mode() -> None:
    files = {"tools/x.json": File(b'{"mode": "0700"}'), "tools/x.py": File(b"1")}
    assert parse(TOOLS, files).items["x"].mode is None
    files["tools/x.py"] = File(b"1", executable=True)
    assert parse(TOOLS, files).items["x"].mode == "0700"
