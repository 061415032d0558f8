"""A context's directory: which files an item is, and which item files are.

Every item has a document, its wire form without name and content:

- `tools/<name>.json`, with the code module in `tools/<name>.py`;
- `prompts/<name>.json`;
- `resources/<name>.mcp.json` beside the content in `resources/<name>`, only if it says more than what is derived.

Which path belongs to which item is in `core.site.item_paths`.

Content that no file can hold (a resource whose name looks like a sidecar or is ignored) stays in the document, so
`parse` gives back exactly what was rendered. Paths are POSIX and relative to the context's directory.
"""

import base64
import binascii
import json
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from api.item import ContextType, ItemContent
from core.site.documents import UnreadableError, read_document, why_invalid
from core.site.item_paths import content_path, document_path, place

ENCODING: Final = "encoding"
"""Key of a resource's document that is not of its content: `base64` or `none`."""
EXECUTABLE_MODE: Final = "0755"
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


def render(context_type: ContextType, name: str, content: ItemContent) -> dict[str, File]:
    """The files of an item, by path."""
    document = content.wire()
    document.pop("name", None)
    document.pop("dot", None)
    path, body = content_path(context_type, name), _body(content)
    if path is None or body is None:
        if context_type is ContextType.RESOURCES and not _explains_absent_content(document):
            document[ENCODING] = "none"
        return {document_path(context_type, name): File(_json(document))}
    file = File(body, executable=_executable(content.mode))
    for key, derived in _derived(context_type, name, file).items():
        if document.get(key) == derived:
            document.pop(key, None)
    if "data" in document and _text(body) is not None:
        document[ENCODING] = "base64"
    document = {key: value for key, value in document.items() if key not in ("text", "data")}
    files = {path: file}
    if document or context_type is ContextType.TOOLS:
        files[document_path(context_type, name)] = File(_json(document))
    return files


def parse(context_type: ContextType, files: Mapping[str, File]) -> Parsed:
    """The items of a context's files: the inverse of `render`, over all items."""
    names: set[str] = set()
    problems: list[FileProblem] = []
    for path in sorted(files):
        name, foreign = place(context_type, path)
        if name is not None:
            names.add(name)
        elif foreign:
            problems.append(FileProblem(None, path, None, foreign))
    items: dict[str, ItemContent] = {}
    unreadable: set[str] = set()
    for name in sorted(names):
        try:
            content = _read(context_type, name, files)
        except UnreadableError as error:
            problems.append(FileProblem(name, error.path, error.line, error.message))
            unreadable.add(name)
        else:
            if content is not None:
                items[name] = content
    return Parsed(items, problems, frozenset(unreadable))


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
        UnreadableError: the files do not make an item.
    """
    path = document_path(context_type, name)
    body_path = content_path(context_type, name)
    body = files.get(body_path) if body_path else None
    if path not in files and context_type is not ContextType.RESOURCES:
        raise UnreadableError(body_path or path, None, f"there is no {path}: write it, or delete this file too")
    document = read_document(path, files[path].data) if path in files else {}
    if context_type is ContextType.RESOURCES and body is None and not _explains_absent_content(document):
        return None
    encoding = document.pop(ENCODING, None)
    if body is not None:
        if "text" in document or "data" in document:
            raise UnreadableError(path, None, f"text or data is set, but the content is in {body_path}")
        document = {**_derived(context_type, name, body), **document, **_content(body, encoding)}
        _follow_permission(document, body)
    try:
        return ItemContent.model_validate(document)
    except ValidationError as error:
        raise UnreadableError(path, None, why_invalid(error)) from error


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


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
