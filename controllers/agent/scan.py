"""Scan: the files of a context directory → the items that they make. Reads again only what may have changed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from api.condition import REASON_INVALID_ITEM
from api.context_replica import Problem
from api.item import ContextType, ItemContent
from core.site.detect import Present, problem
from core.site.directory import File, parse
from core.site.intent import file_digest
from core.site.item_paths import item_of
from core.values.canonical import content_digest
from files.confined import ObstructedError
from files.tree import Fingerprint, Tree

_SETTLED_NS = 2_000_000_000
"""A file that changed this shortly before it was read may change again without looking different."""

Signature = tuple[tuple[str, Fingerprint], ...]


@dataclass(frozen=True)
class ScannedItem:
    """One item's files, read."""

    signature: Signature
    read_ns: int
    files: dict[str, str]
    """Digest of each file, by path."""
    content: ItemContent | None
    """None if it is unreadable, or if its files are left of a deleted one."""
    digest: str | None
    problems: list[Problem]

    def is_current(self, signature: Signature) -> bool:
        """Whether files that look like this are certainly the ones that were read."""
        newest = max((max(print_.changed_ns, print_.modified_ns) for _, print_ in signature), default=0)
        return self.signature == signature and newest + _SETTLED_NS < self.read_ns


@dataclass(frozen=True)
class Scan:
    """What a context directory holds now."""

    present: Present
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Digest of each file by path, for each item."""
    problems: list[Problem] = field(default_factory=list[Problem])


class Scanner:
    """Scans one context directory again and again."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[str, ScannedItem] = {}

    def scan(self, context_type: ContextType, *, thorough: bool = False) -> Scan:
        """What the directory holds; `thorough` reads every file, whatever it looks like.

        Raises:
            ObstructedError: the directory is not one.
            OSError: the volume cannot be read.
        """
        grouped: dict[str, list[tuple[str, Fingerprint]]] = {}
        foreign: dict[str, File] = {}
        for path, fingerprint in self._tree.files(context_type):
            item = item_of(context_type, path)
            if item is None:
                foreign[path] = File(b"")
            else:
                grouped.setdefault(item, []).append((path, fingerprint))
        known = {} if thorough else self._known
        self._known = {
            item: self._item(context_type, item, tuple(signature), known.get(item))
            for item, signature in sorted(grouped.items())
        }
        return _assemble(self._known, [_problem(str(fault), None) for fault in parse(context_type, foreign).problems])

    def _item(
        self, context_type: ContextType, item: str, signature: Signature, known: ScannedItem | None
    ) -> ScannedItem:
        if known is not None and known.is_current(signature):
            return known
        now, files = time.time_ns(), dict[str, File]()
        try:
            for path, _ in signature:
                if file := self._tree.read(path):
                    files[path] = file
        except ObstructedError as error:
            return ScannedItem(signature, now, {}, None, None, [_problem(str(error), item)])
        digests = {path: file_digest(file) for path, file in files.items()}
        parsed = parse(context_type, files)
        content = parsed.items.get(item)
        digest = content_digest(content) if content else None
        problems = [_problem(str(fault), item) for fault in parsed.problems]
        return ScannedItem(signature, now, digests, content, digest, problems)


def _assemble(items: Mapping[str, ScannedItem], foreign: list[Problem]) -> Scan:
    present = Present(
        {name: item.content for name, item in items.items() if item.content is not None},
        {name: item.digest for name, item in items.items() if item.digest is not None},
        frozenset(name for name, item in items.items() if item.problems),
    )
    problems = [problem for item in items.values() for problem in item.problems]
    return Scan(present, {name: item.files for name, item in items.items()}, [*problems, *foreign])


def _problem(message: str, item: str | None) -> Problem:
    return problem(REASON_INVALID_ITEM, message, item)
