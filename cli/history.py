"""`mcpfed history`: what each retained revision changed, and who did; or the versions of one item."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cli import printing
from cli.options import Common, ContextArgument, ItemArgument, Output
from cli.problem import Problem
from cli.subject import Subject, load
from core.inspection.difference import DifferenceKind
from core.inspection.history import ConflictState, Entry, ItemVersion, conflicts, entries, item_history

MARKS = {DifferenceKind.ADDED: "+", DifferenceKind.CHANGED: "~", DifferenceKind.REMOVED: "-"}


async def history(options: Common, context: ContextArgument, item: ItemArgument = None) -> None:
    """Revisions: when, whose changes, which items (+ added, ~ changed, - removed), conflicts."""
    subject = await load(options, context)
    if item is None:
        _print_revisions(subject, options.output)
    else:
        _print_item(subject, item, options.output)


def _print_revisions(subject: Subject, form: Output) -> None:
    found = entries(subject.history)
    recorded = conflicts(subject.history)
    lost = Counter(conflict.version for conflict in recorded if conflict.state is not ConflictState.MERGED)
    if form is Output.JSON:
        printing.print_json({"context": subject.name, "revisions": [_entry_json(entry, lost) for entry in found]})
        return
    rows = [
        (
            str(entry.revision.version),
            entry.revision.timestamp,
            "\n".join(entry.sites),
            " ".join(f"{MARKS[kind]}{name}" for name, kind in entry.items.items()),
            str(lost[entry.revision.version] or ""),
        )
        for entry in reversed(found)
    ]
    printing.console().print(printing.table(("VERSION", "TIME", "CHANGES OF", "ITEMS", "CONFLICTS"), rows))


def _entry_json(entry: Entry, lost: Mapping[int, int]) -> dict[str, Any]:
    revision = entry.revision
    return {
        "version": revision.version,
        "epoch": revision.epoch,
        "timestamp": revision.timestamp,
        "digest": revision.digest,
        "chainDigest": revision.chain_digest,
        "sites": entry.sites,
        "items": entry.items,
        "conflicts": lost.get(revision.version, 0),
    }


def _print_item(subject: Subject, item: str, form: Output) -> None:
    found = item_history(subject.history, item)
    if not found:
        raise Problem(f"{subject.name}: no retained revision has an item {item} (`mcpfed history {subject.name}`)")
    if form is Output.JSON:
        versions = [_version_json(version) for version in found]
        printing.print_json({"context": subject.name, "item": item, "versions": versions})
        return
    rows = [
        (
            str(version.revision.version),
            version.revision.timestamp,
            version.item.dot.site,
            printing.short(version.item.digest) if version.item.digest else "deleted",
        )
        for version in reversed(found)
    ]
    printing.console().print(printing.table(("VERSION", "TIME", "BY", "DIGEST"), rows))


def _version_json(version: ItemVersion) -> dict[str, Any]:
    item, revision = version.item, version.revision
    return {
        "version": revision.version,
        "timestamp": revision.timestamp,
        "dot": item.dot.wire(),
        "digest": item.digest,
        "deleted": bool(item.deleted),
    }
