"""A pod's volume in memory: stands in for the agent's tree, records and scanner, with a crash before any write."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from api.item import ContextType, ItemContent
from controllers.agent.scan import Scan
from core.site.detect import Present
from core.site.directory import File, parse, render
from core.site.intent import Intent, file_digest
from core.site.item_paths import item_of
from core.site.journal import Journal
from core.site.plan import Desired
from core.values.canonical import content_digest


class Crashed(BaseException):
    """The agent was killed."""


@dataclass
class Disk:
    """Files and bookkeeping of one context; `tags` is the oracle's, the agent cannot see it."""

    name: str
    context_type: ContextType
    on_replace: Callable[["Disk", str], None]
    """Called with an item before the agent writes or removes a file of it."""
    files: dict[str, File] = field(default_factory=dict[str, File])
    tags: dict[str, int] = field(default_factory=dict[str, int])
    """Event that made what is there, or not there, for each item."""
    journal: Journal | None = None
    intent: Intent | None = None
    rescued: set[int] = field(default_factory=set[int])
    staged: dict[str, File] = field(default_factory=dict[str, File])
    writes: int = 0
    crash_after: int | None = None
    """So many more writes until the agent is killed; None never."""
    interruption: tuple[int, Callable[[], None]] | None = None
    """Reads of files until somebody edits in the middle of the agent's work, and that edit."""

    _scan: Scan | None = None
    """What the directory holds; None since a file changed."""

    def __truediv__(self, name: str) -> "Disk":
        return self

    def step(self) -> None:
        """A durable write is about to happen."""
        if self.crash_after is not None:
            if self.crash_after == 0:
                raise Crashed
            self.crash_after -= 1
        self.writes += 1

    def interrupt(self) -> None:
        """A file is about to be read."""
        if self.interruption is not None:
            left, edit = self.interruption
            self.interruption = (left - 1, edit) if left else None
            if not left:
                edit()

    def put(self, item: str, text: str | None) -> None:
        """What a person does: all files of the item at once."""
        for path in [path for path in self.files if _item(self.context_type, path) == item]:
            del self.files[path]
        if text is not None:
            self.files.update(rendered(self.context_type, item, content(self.context_type, item, text)))
        self._scan = None

    def set(self, path: str, file: File | None) -> None:
        """What the agent does: one file, which it removes if it is None."""
        self.step()
        self.on_replace(self, _item(self.context_type, path))
        self._scan = None
        if file is None:
            self.files.pop(path, None)
        else:
            self.files[path] = file

    def text(self, item: str) -> str | None:
        """What the item says now."""
        content = self.scan().present.contents.get(item)
        return content.text if content else None

    def is_nearly_empty(self) -> bool:
        """Whether one item less would look like a lost volume: the agent halts then, and waits for a person."""
        journal = self.journal
        names = {*journal.held, *journal.pending} if journal else set[str]()
        expected = [name for name in names if journal and journal.expected(name)]
        return len(expected) > 1 and 2 * (len(self.scan().present.digests) - 1) < len(expected)

    def scan(self) -> Scan:
        """What the directory holds."""
        if self._scan is None:
            self._scan = self._read_all()
        return self._scan

    def _read_all(self) -> Scan:
        by_item: dict[str, dict[str, File]] = {}
        for path, file in self.files.items():
            by_item.setdefault(_item(self.context_type, path), {})[path] = file
        scanned = {item: _scanned(self.context_type, item, files) for item, files in by_item.items()}
        contents = {item: found.content for item, found in scanned.items() if found.content is not None}
        digests = {item: found.digest for item, found in scanned.items() if found.digest is not None}
        unreadable = frozenset(item for item, found in scanned.items() if found.content is None)
        return Scan(Present(contents, digests, unreadable), {item: found.files for item, found in scanned.items()}, [])


class MemoryTree:
    """Stands in for files.writable_tree.WritableTree."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def make(self, folder: str) -> None:
        pass

    def sync(self, paths: Iterator[str]) -> None:
        self.disk.step()

    def read(self, path: str) -> File | None:
        self.disk.interrupt()
        return self.disk.files.get(path)

    def replace(self, staged: "Place", path: str) -> None:
        self.disk.set(path, self.disk.staged[staged[1]])

    def remove(self, path: str) -> None:
        self.disk.set(path, None)


class MemoryRecords:
    """Stands in for controllers.agent.records.Records."""

    def __init__(self, disk: Disk, context: str) -> None:
        self.disk = disk
        self.context = context
        self.stage = Stage(disk)

    def prepare(self) -> None:
        self.disk.staged.clear()

    def journal(self) -> Journal | None:
        return self.disk.journal

    def intent(self) -> Intent | None:
        return self.disk.intent

    def save_journal(self, journal: Journal) -> None:
        self.disk.step()
        self.disk.journal = journal

    def save_intent(self, intent: Intent) -> None:
        self.disk.step()
        self.disk.intent = intent

    def save_applied(self, revision: Desired) -> None:
        self.disk.step()

    def drop_intent(self) -> None:
        self.disk.step()
        self.disk.intent = None

    def rescue(self, since: str, path: str, data: bytes) -> None:
        self.disk.step()
        tag = self.disk.tags.get(_item(self.disk.context_type, path))
        if tag is not None:  # else it is what a crash has left of an item that was being removed
            self.disk.rescued.add(tag)


Place = tuple[Disk, str]


@dataclass(frozen=True)
class Stage:
    """Where new files wait for their rename."""

    disk: Disk

    def __truediv__(self, name: str) -> Place:
        return (self.disk, name)


class MemoryScanner:
    """Stands in for controllers.agent.scan.Scanner."""

    def __init__(self, tree: MemoryTree) -> None:
        self._disk = tree.disk

    def scan(self, context_type: ContextType, *, thorough: bool = False) -> Scan:
        return self._disk.scan()


def _stage(place: Place, data: bytes, mode: int) -> None:
    disk, name = place
    disk.step()
    disk.staged[name] = File(data, bool(mode & 0o100))


@contextmanager
def volumes_in_memory() -> Generator[None]:
    """The agent's Holding works on Disks instead of paths."""
    doubles: dict[str, Any] = {"WritableTree": MemoryTree, "Records": MemoryRecords, "Scanner": MemoryScanner}
    silent = SimpleNamespace(info=_ignore, warning=_ignore, error=_ignore)
    durable = SimpleNamespace(stage=_stage)
    with (
        patch.multiple("controllers.agent.holding", _log=silent, **doubles),
        patch.multiple("controllers.agent.revision_write", durable=durable, _log=silent),
        patch("core.values.canonical.rfc8785", SimpleNamespace(dumps=canonical_json)),
        patch("core.site.intent.render", rendered),
    ):
        yield


def _ignore(*_: object, **__: object) -> None:
    pass


def canonical_json(value: object) -> bytes:
    """RFC 8785 of what occurs here, whole numbers and text of ASCII, at the speed that many runs need."""
    return _encode(value).encode()


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


@dataclass(frozen=True)
class _Scanned:
    content: ItemContent | None
    digest: str | None
    files: dict[str, str]


_CACHE_LIMIT = 20_000
_scans: dict[tuple[tuple[str, bytes], ...], _Scanned] = {}
_renderings: dict[tuple[ContextType, str, str, str], dict[str, File]] = {}
_items: dict[tuple[ContextType, str], str] = {}


def content(context_type: ContextType, item: str, text: str) -> ItemContent:
    """An item that says a text: one file for an MCP resource, two for a tool."""
    if context_type is ContextType.RESOURCES:
        return ItemContent(definition={"uri": f"resource:///{item}", "name": item, "mimeType": "text/plain"}, text=text)
    first = text.splitlines()[0]
    definition = {"description": first, "inputSchema": {"type": "object"}}
    return ItemContent(definition=definition, handler={"python": {"entrypoint": "run"}}, text=text)


def rendered(context_type: ContextType, item: str, held: ItemContent) -> dict[str, File]:
    """core.site.directory.render, which need not be computed anew for the same content."""
    key = (context_type, item, held.text or "", held.definition.get("description", ""))
    if key not in _renderings:
        if len(_renderings) > _CACHE_LIMIT:
            _renderings.clear()
        _renderings[key] = render(context_type, item, held)
    return _renderings[key]


def _item(context_type: ContextType, path: str) -> str:
    key = (context_type, path)
    if key not in _items:
        item = item_of(context_type, path)
        assert item is not None, path
        _items[key] = item
    return _items[key]


def _scanned(context_type: ContextType, item: str, files: dict[str, File]) -> _Scanned:
    key = tuple(sorted((path, file.data) for path, file in files.items()))
    if key not in _scans:
        if len(_scans) > _CACHE_LIMIT:
            _scans.clear()
        found = parse(context_type, files).items.get(item)
        digests = {path: file_digest(file) for path, file in files.items()}
        _scans[key] = _Scanned(found, content_digest(found) if found else None, digests)
    return _scans[key]
