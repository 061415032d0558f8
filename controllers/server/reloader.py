"""Keeps what is served equal to the volume: every change is read at once, and announced when it is served."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from watchfiles import Change

from api.item import ContextType, ItemContent
from controllers.server import volume
from controllers.server.catalog import Catalog
from controllers.server.list_changed import Publish, announce
from controllers.server.primitives import Primitive, primitive_of
from controllers.server.served_context import ServedContext, load
from files.watching import FileChanges, watch_files

INTENT_SECONDS: Final = 5.0
"""How long an unfinished revision holds a reload back: its writer may have died."""
SETTLE_MILLISECONDS: Final = 5
"""Quiet time after which a group of changes is read."""
GROUP_MILLISECONDS: Final = 50
"""Longest time that a steady stream of changes is collected before it is read."""
NEW_DIRECTORY_SECONDS: Final = 0.1
"""After which a new directory is read again: there is no event of files that came before its watch."""

_log = structlog.get_logger(__name__)


class Reloader:
    """Reads contexts when they change, and holds what is served."""

    def __init__(self, root: Path, publish: Publish, *, allow_python: bool = False) -> None:
        """Reads nothing yet.

        Args:
            root: of the volume.
            publish: notifies clients, after the change is served.
            allow_python: whether Python modules of tools are run.
        """
        self.catalog = Catalog()
        self.contexts: dict[str, ServedContext] = {}
        self.failures: dict[str, str] = {}
        """Contexts that could not be read as a whole, and why."""
        self.ready = False
        """Whether the whole volume has been read."""
        self._root = root.resolve()
        self._publish = publish
        self._allow_python = allow_python
        self._dirty: set[str] = set()
        self._all = False
        """Whether every context may have changed."""
        self._wake = asyncio.Event()
        self._held: dict[str, float] = {}

    async def run(self) -> None:
        """Reads the volume, then every change, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(
                watch_files(
                    self._root, self._on_files, settle_millis=SETTLE_MILLISECONDS, group_millis=GROUP_MILLISECONDS
                )
            )
            while True:
                await self._wake.wait()
                self._wake.clear()
                if self._all:
                    self._all = False
                    self._dirty.update(self.contexts, await asyncio.to_thread(volume.contexts, self._root))
                dirty, self._dirty = sorted(self._dirty), set()
                await self._reload(dirty)
                self.ready = True

    def _on_files(self, changes: FileChanges | None) -> None:
        if changes is None:
            self._all = True
            self._wake.set()
        for change, name in changes or ():
            self._note(change, Path(name))

    def _note(self, change: Change, path: Path) -> None:
        if (context := volume.context_of(self._root, path)) is not None:
            self._mark(context)
            if change is Change.added and path.is_dir():
                self._mark_later(context, NEW_DIRECTORY_SECONDS)

    def _mark(self, *contexts: str) -> None:
        if contexts:
            self._dirty.update(contexts)
            self._wake.set()

    def _mark_later(self, context: str, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._mark, context)

    async def _reload(self, dirty: list[str]) -> None:
        after = dict(self.contexts)
        for name in dirty:
            if not self._held_back(name):
                await self._read(name, after)
        self.contexts = after
        before, self.catalog = self.catalog, Catalog.of(after.values())
        for hidden in sorted({*self.catalog.hidden} - {*before.hidden}):
            _log.warning("item hidden", item=hidden)
        await announce(before, self.catalog, self._publish)

    async def _read(self, name: str, contexts: dict[str, ServedContext]) -> None:
        before = contexts.pop(name, None)
        try:
            now = await asyncio.to_thread(self._load, name, before)
            self.failures.pop(name, None)
        except (volume.UnreadableContextError, OSError) as error:
            _log.warning("context not read", context=name, error=str(error))
            self.failures[name] = str(error)
            now = before
        if self._held_back(name):
            now = before  # a revision was begun while we read: its end wakes us again
        if now is not None:
            contexts[name] = now
        if now is not before:
            _report(name, before, now)

    def _load(self, name: str, before: ServedContext | None) -> ServedContext | None:
        snapshot = volume.read(self._root, name)
        if snapshot is None:
            return None
        return load(name, snapshot, before, partial(_primitive, allow_python=self._allow_python))

    def _held_back(self, context: str) -> bool:
        """Whether somebody is writing the context, and not for too long."""
        if not volume.being_written(self._root, context):
            self._held.pop(context, None)
            return False
        now = asyncio.get_running_loop().time()
        if context not in self._held:
            self._held[context] = now
            self._mark_later(context, INTENT_SECONDS)
        overdue = now - self._held[context] >= INTENT_SECONDS
        if overdue:
            _log.warning("reading an unfinished revision", context=context, seconds=INTENT_SECONDS)
        return not overdue


def _primitive(context_type: ContextType, name: str, content: ItemContent, *, allow_python: bool) -> Primitive:
    return primitive_of(context_type, name, content, allow_python=allow_python)


def _report(name: str, before: ServedContext | None, now: ServedContext | None) -> None:
    if now is None:
        _log.info("context withdrawn", context=name)
        return
    if before is None or (before.version, before.digest) != (now.version, now.digest):
        _log.info("context served", context=name, version=now.version, items=len(now.items), digest=now.digest)
    for problem in now.problems:
        if before is None or problem not in before.problems:
            _log.warning("item not served as written", context=name, problem=problem)
