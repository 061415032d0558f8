"""Edits at several sites at a given rate, and the proof that none was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from api.context_revision import ContextRevisionSpec
from kube.errors import ApiError, Unreachable
from tests.support.federation import Context, document, write_at_once


@dataclass(frozen=True)
class Written:
    """What became of a write."""

    site: str
    """Where it was written; a pod that replaces another is another site."""
    is_certain: bool = True
    """False if nobody can tell whether it was in time to count."""


Write = Callable[[str, str], Awaitable[Written]]
"""Writes item and text."""


@dataclass(frozen=True)
class Edit:
    """One write."""

    site: str
    item: str
    text: str
    is_certain: bool


@dataclass
class Ledger:
    """All edits of a test, in the order in which they were made."""

    edits: list[Edit] = field(default_factory=list[Edit])
    _written: int = 0

    def lost(self, history: Iterable[ContextRevisionSpec]) -> list[Edit]:
        """Edits of which there is no trace.

        A trace is: in a revision as an item's content or as a loser, or superseded by its own site before it was seen.
        """
        revisions = list(history)
        kept = {(i.name, i.content.text) for r in revisions for i in r.items if i.content}
        kept |= {(c.item, c.lost.content.text) for r in revisions for c in r.conflicts if c.lost.content}
        open_since: dict[tuple[str, str], Edit] = {}
        for edit in self.edits:
            if edit.is_certain or (edit.item, edit.text) in kept:
                open_since[edit.site, edit.item] = edit
        return [edit for edit in open_since.values() if (edit.item, edit.text) not in kept]

    async def edit(self, item: str, write: Write) -> None:
        """Writes a text that was never written before."""
        self._written += 1
        text = f"edit {self._written}"
        written = await write(item, text)
        self.edits.append(Edit(written.site, item, text, written.is_certain))


def file_writer(context: Context, member: str) -> Write:
    """Writes at a member, as a person or program with a file, for as long as its pod stays."""
    root = context.path(member, "resources")

    async def write(item: str, text: str) -> Written:
        write_at_once(root / item, text)
        return Written(member)

    return write


def declaration_writer(context: Context, items: list[str], **spec: Any) -> Write:
    """Writes at the control plane, as a person or program with `kubectl apply`; while it is away, nobody knows."""
    texts = dict.fromkeys(items, "first")

    async def write(item: str, text: str) -> Written:
        texts[item] = text
        try:
            await context.declare([document(name, value) for name, value in texts.items()], **spec)
        except (ApiError, Unreachable):
            return Written("declared", is_certain=False)
        return Written("declared")

    return write


@asynccontextmanager
async def editing(
    ledger: Ledger, sites: dict[str, Write], items: list[str], per_second: float = 10
) -> AsyncGenerator[None]:
    """Edits at every site, at a steady rate each, for as long as the block lasts; a write that has begun is ended."""
    stopped = asyncio.Event()

    async def keep_editing(site: str, write: Write) -> None:
        clock, random = asyncio.get_running_loop().time, Random(site)
        due = clock()
        while not stopped.is_set():
            await ledger.edit(random.choice(items), write)
            due += 1 / per_second
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), max(due - clock(), 0))

    async with asyncio.TaskGroup() as group:
        for site, write in sites.items():
            group.create_task(keep_editing(site, write))
        try:
            yield
        finally:
            stopped.set()
