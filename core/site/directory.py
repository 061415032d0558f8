"""A context's directory: which files an item is, and which item files are.

Every item has a document, its wire form without name and content:

- `tools/<name>.json`, with the code module in `tools/<name>.py`;
- `prompts/<name>.json`;
- `resources/<name>.mcp.json` beside the content in `resources/<name>`, only if it says more than what is derived.

Content that no file can hold (a resource whose name looks like a sidecar or is ignored) stays in the document, so
`parse` gives back exactly what was rendered. Paths are POSIX and relative to the context's directory.
"""

import base64
import binascii
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from api.item import ContextType, ItemContent, ItemName

RESERVED: Final = ".mcpfed"
"""Directory of the volume that is no context's."""
BOOKKEEPING: Final = f"{RESERVED}/contexts"
"""`<BOOKKEEPING>/<context>/` holds what is known about a context: apart from all else that is in RESERVED."""
APPLIED: Final = "applied.json"
"""In a context's bookkeeping: the revision last applied. A context is served if and only if it exists."""
INTENT: Final = "intent.json"
"""In a context's bookkeeping: exists exactly while a revision is being written."""

SIDECAR: Final = ".mcp.json"
"""Ends the path of a resource's document."""
ENCODING: Final = "encoding"
"""Key of a resource's document that is not of its content: `base64` or `none`."""
IGNORED_ENDINGS: Final = ("~", ".tmp", ".swp", ".swx")
EXECUTABLE_MODE: Final = "0755"
MAX_DEPTH: Final = 100
"""Levels of nesting in a document: more would exhaust the stack of whoever walks it."""

_ITEM_NAME: Final[TypeAdapter[str]] = TypeAdapter(ItemName)
_MODE: Final = re.compile(r"0[0-7]{3}")
_MEDIA_TYPES: Final = mimetypes.MimeTypes()  # the built-in table only: the same on every machine
for _extension, _media_type_of in {
    ".md": "text/markdown",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}.items():
    _MEDIA_TYPES.add_type(_media_type_of, _extension)


@dataclass(frozen=True)
class File:
    """A regular file."""

    data: bytes
    executable: bool = False
    """Whether its owner may execute it."""


@dataclass(frozen=True)
class FileProblem:
    """A file that is not, or not part of, a readable item."""

    item: str | None
    """The item it belongs to; None if no item can have such a file."""
    path: str
    line: int | None
    """From 1; None if the problem is of the whole file."""
    message: str

    def __str__(self) -> str:
        """`path:line: message`."""
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class Parsed:
    """What a context's files say."""

    items: dict[str, ItemContent] = field(default_factory=dict[str, ItemContent])
    """Readable items by name, sorted."""
    problems: list[FileProblem] = field(default_factory=list[FileProblem])
    unreadable: frozenset[str] = frozenset()
    """Items with a problem: taken for neither changed nor deleted."""


class _UnreadableError(Exception):
    def __init__(self, path: str, line: int | None, message: str) -> None:
        self.path, self.line, self.message = path, line, message


def item_of(context_type: ContextType, path: str) -> str | None:
    """Name of the item that a path belongs to; None if the file is ignored or cannot be an item's."""
    name, _ = _place(context_type, path)
    return name


def render(context_type: ContextType, name: str, content: ItemContent) -> dict[str, File]:
    """The files of an item, by path."""
    document = content.wire()
    document.pop("name", None)
    document.pop("dot", None)
    path, body = _content_path(context_type, name), _body(content)
    if path is None or body is None:
        if context_type is ContextType.RESOURCES and not _explains_absent_content(document):
            document[ENCODING] = "none"
        return {_document_path(context_type, name): File(_json(document))}
    file = File(body, executable=_executable(content.mode))
    for key, derived in _derived(context_type, name, file).items():
        if document.get(key) == derived:
            document.pop(key, None)
    if "data" in document and _text(body) is not None:
        document[ENCODING] = "base64"
    document = {key: value for key, value in document.items() if key not in ("text", "data")}
    files = {path: file}
    if document or context_type is ContextType.TOOLS:
        files[_document_path(context_type, name)] = File(_json(document))
    return files


def parse(context_type: ContextType, files: Mapping[str, File]) -> Parsed:
    """The items of a context's files: the inverse of `render`, over all items."""
    names: set[str] = set()
    problems: list[FileProblem] = []
    for path in sorted(files):
        name, foreign = _place(context_type, path)
        if name is not None:
            names.add(name)
        elif foreign:
            problems.append(FileProblem(None, path, None, foreign))
    items: dict[str, ItemContent] = {}
    unreadable: set[str] = set()
    for name in sorted(names):
        try:
            content = _read(context_type, name, files)
        except _UnreadableError as error:
            problems.append(FileProblem(name, error.path, error.line, error.message))
            unreadable.add(name)
        else:
            if content is not None:
                items[name] = content
    return Parsed(items, problems, frozenset(unreadable))


def clashes(context_type: ContextType, names: Iterable[str]) -> dict[str, str]:
    """Items that cannot be rendered beside another, as a path would be a file and a directory: {name: the other}."""
    owners = {
        path: name
        for name in names
        for path in (_document_path(context_type, name), _content_path(context_type, name))
        if path is not None
    }
    found: dict[str, str] = {}
    for path, name in owners.items():
        parts = path.split("/")
        for length in range(1, len(parts)):
            if (other := owners.get("/".join(parts[:length]))) is not None:
                found[name] = other
    return found


def _place(context_type: ContextType, path: str) -> tuple[str | None, str]:
    """Name of the item; without one, why the file is foreign (empty if it is to be ignored)."""
    folder, _, rest = path.partition("/")
    parts = rest.split("/")
    if folder != context_type or not rest or any(part.startswith(".") for part in parts):
        return None, ""
    if parts[-1].startswith("#") or parts[-1].endswith(IGNORED_ENDINGS):
        return None, ""
    name = _stem(context_type, rest)
    if name is None:
        return None, f"not a file of an item: {_expected(context_type)}"
    try:
        return _ITEM_NAME.validate_python(name), ""
    except ValidationError:
        return None, "not the name of an item: use letters, digits, '.', '_' and '-', at most 128 between slashes"


def _stem(context_type: ContextType, path: str) -> str | None:
    match context_type:
        case ContextType.TOOLS:
            endings = (".json", ".py")
        case ContextType.PROMPTS:
            endings = (".json",)
        case ContextType.RESOURCES:
            return path.removesuffix(SIDECAR)
    return next((path.removesuffix(ending) for ending in endings if path.endswith(ending)), None)


def _expected(context_type: ContextType) -> str:
    return f"{context_type}/<name>.json" + (" or tools/<name>.py" if context_type is ContextType.TOOLS else "")


def _document_path(context_type: ContextType, name: str) -> str:
    return f"{context_type}/{name}{SIDECAR if context_type is ContextType.RESOURCES else '.json'}"


def _content_path(context_type: ContextType, name: str) -> str | None:
    """Where the content goes; None if it stays in the document."""
    match context_type:
        case ContextType.TOOLS:
            return f"tools/{name}.py"
        case ContextType.PROMPTS:
            return None
        case ContextType.RESOURCES:
            path = f"resources/{name}"
            return path if item_of(context_type, path) == name else None


def _derived(context_type: ContextType, name: str, file: File) -> dict[str, Any]:
    """What need not be said about an item because its content file says it."""
    derived: dict[str, Any] = {"mode": EXECUTABLE_MODE} if file.executable else {}
    if context_type is ContextType.RESOURCES:
        derived["definition"] = {"uri": f"resource:///{name}", "name": name, "mimeType": _media_type(name, file.data)}
    return derived


def _media_type(name: str, data: bytes) -> str:
    guess, compression = _MEDIA_TYPES.guess_type(name)
    if guess is not None and compression is None:
        return guess
    return "application/octet-stream" if _text(data) is None else "text/plain"


def _body(content: ItemContent) -> bytes | None:
    """Bytes of the content file; None if there is no content, or none that base64 gives back as it is."""
    if content.text is not None:
        return content.text.encode()
    if content.data is None:
        return None
    try:
        body = base64.b64decode(content.data, validate=True)
    except binascii.Error:
        return None
    return body if base64.b64encode(body).decode() == content.data else None


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _executable(mode: str | None) -> bool:
    return mode is not None and bool(int(mode, 8) & 0o100)


def _explains_absent_content(document: Mapping[str, Any]) -> bool:
    """Whether a resource's document stands without a content file; otherwise the content was deleted, and the item."""
    definition: object = document.get("definition")
    template = isinstance(definition, dict) and "uriTemplate" in definition
    return template or "text" in document or "data" in document or document.get(ENCODING) == "none"


def _read(context_type: ContextType, name: str, files: Mapping[str, File]) -> ItemContent | None:
    """An item from its files; None if it was deleted.

    Raises:
        _UnreadableError: the files do not make an item.
    """
    path = _document_path(context_type, name)
    content_path = _content_path(context_type, name)
    body = files.get(content_path) if content_path else None
    if path not in files and context_type is not ContextType.RESOURCES:
        raise _UnreadableError(content_path or path, None, f"there is no {path}: write it, or delete this file too")
    document = _document(path, files[path].data) if path in files else {}
    if context_type is ContextType.RESOURCES and body is None and not _explains_absent_content(document):
        return None
    encoding = document.pop(ENCODING, None)
    if body is not None:
        if "text" in document or "data" in document:
            raise _UnreadableError(path, None, f"text or data is set, but the content is in {content_path}")
        document = {**_derived(context_type, name, body), **document, **_content(body, encoding)}
        _follow_permission(document, body)
    try:
        return ItemContent.model_validate(document)
    except ValidationError as error:
        raise _UnreadableError(path, None, _why(error)) from error


def _content(body: File, encoding: object) -> dict[str, str]:
    text = None if encoding == "base64" else _text(body.data)
    return {"data": base64.b64encode(body.data).decode()} if text is None else {"text": text}


def _follow_permission(document: dict[str, Any], body: File) -> None:
    """Drop a mode that the file's own permission contradicts."""
    mode: object = document.get("mode")
    if isinstance(mode, str) and _MODE.fullmatch(mode) and _executable(mode) != body.executable:
        document.pop("mode")
        if body.executable:
            document["mode"] = EXECUTABLE_MODE


def _document(path: str, data: bytes) -> dict[str, Any]:
    try:
        text = data.decode()
        document: object = json.loads(text)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeDecodeError as error:
        raise _UnreadableError(path, data.count(b"\n", 0, error.start) + 1, "not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise _UnreadableError(path, error.lineno, f"not JSON: {error.msg} (column {error.colno})") from error
    except UnicodeEncodeError as error:
        raise _UnreadableError(path, None, "holds half of a surrogate pair, which is not text") from error
    except (ValueError, RecursionError) as error:
        raise _UnreadableError(path, None, f"not portable JSON: {error}") from error
    if _deeper_than(document, MAX_DEPTH):
        raise _UnreadableError(path, None, f"nested more than {MAX_DEPTH} levels deep")
    if not isinstance(document, dict):
        raise _UnreadableError(path, 1, "not a JSON object")
    return cast("dict[str, Any]", document)


def _deeper_than(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    members = cast("Iterable[object]", value.values() if isinstance(value, dict) else value)
    return levels == 0 or any(_deeper_than(member, levels - 1) for member in members)


def _why(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    hint = "; a field of the MCP object goes under definition" if first["type"] == "extra_forbidden" else ""
    return f"{place}: {first['msg']}{hint}" if place else first["msg"] + hint


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
