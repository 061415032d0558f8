"""A context as it is served: every item in its last known good version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from api.item import ContextType, ItemContent
from controllers.server.primitives import Primitive
from controllers.server.volume import Applied, Snapshot
from core.site.directory import File, parse
from core.site.item_paths import item_of
from core.values.canonical import payload_digest
from core.values.local_items import comparable

Compile = Callable[[ContextType, str, ItemContent], Primitive]
"""Makes an item ready to be served; ValueError says why it cannot be."""


@dataclass(frozen=True)
class Entry:
    """One item."""

    files: Mapping[str, File]
    """What it was last read from."""
    good: Primitive | None
    """Its last version that can be served; None if there never was one."""
    problems: tuple[str, ...] = ()
    """Why what was last read is not served."""


@dataclass(frozen=True)
class ServedContext:
    """One context."""

    name: str
    applied: Applied
    """The revision."""
    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    foreign: tuple[str, ...] = ()
    """Files that cannot be any item's."""

    @property
    def context_type(self) -> ContextType:
        """What its items are."""
        return self.applied.context_type

    @property
    def version(self) -> int:
        """Of the revision."""
        return self.applied.version

    @property
    def items(self) -> dict[str, Primitive]:
        """What is served, by item name, sorted."""
        return {name: entry.good for name, entry in sorted(self.entries.items()) if entry.good is not None}

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each item that is served; a local item counts as what the revision holds."""
        served = {name: item.digest for name, item in self.items.items()}
        return comparable(served, self.applied.local_items, self.applied.seeds)

    @property
    def digest(self) -> str:
        """Digest of the payload that is served: the revision's, if that is what is served."""
        return payload_digest(self.digests)

    @property
    def problems(self) -> list[str]:
        """All problems of its files, by item."""
        return [*self.foreign, *(problem for _, entry in sorted(self.entries.items()) for problem in entry.problems)]


def load(name: str, snapshot: Snapshot, before: ServedContext | None, compile_item: Compile) -> ServedContext:
    """The context after a look at its files; only items whose files changed are read again."""
    context_type = snapshot.applied.context_type
    known: Mapping[str, Entry] = {}
    if before is not None and before.context_type is context_type:
        known = before.entries
    files: dict[str | None, dict[str, File]] = {}
    for path, file in snapshot.files.items():
        files.setdefault(item_of(context_type, path), {})[path] = file
    foreign = parse(context_type, files.pop(None, {})).problems
    entries: dict[str, Entry] = {}
    for item, sources in files.items():
        if item is not None and (entry := _entry(context_type, item, sources, known.get(item), compile_item)):
            entries[item] = entry
    for problem in snapshot.problems:
        if problem.item is not None:
            good = known[problem.item].good if problem.item in known else None
            entries[problem.item] = Entry({}, good, (str(problem),))
    return ServedContext(name, snapshot.applied, entries, tuple(map(str, foreign)))


def _entry(
    context_type: ContextType, item: str, files: Mapping[str, File], before: Entry | None, compile_item: Compile
) -> Entry | None:
    """One item; None if its files say that it was deleted."""
    if before is not None and before.files == files:
        return before
    good = before.good if before is not None else None
    parsed = parse(context_type, files)
    if parsed.problems:
        return Entry(files, good, tuple(map(str, parsed.problems)))
    if item not in parsed.items:
        return None
    try:
        return Entry(files, compile_item(context_type, item, parsed.items[item]))
    except ValueError as error:
        return Entry(files, good, (f"{context_type}/{item}: {error}",))
