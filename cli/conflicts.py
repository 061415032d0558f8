"""`mcpfed conflicts`: changes that did not see each other, which was kept and which was lost."""

from typing import Annotated, Any

import typer
from rich.text import Text

from api.item import ItemContent
from cli import printing
from cli.options import Common, Output
from cli.subject import Subject, all_contexts, read, subject_of
from core.inspection.difference import Difference, unified
from core.inspection.history import Conflict, ConflictState
from core.inspection.history import conflicts as on_record
from core.inspection.resolve import dot_text
from core.values.canonical import size

OptionalContextArgument = Annotated[
    str | None, typer.Argument(metavar="[CONTEXT]", help="Only this one, with both contents compared.")
]
STYLES = {ConflictState.OPEN: "red", ConflictState.RESOLVED: "green"}
HEADER = ("CONTEXT", "ITEM", "VERSION", "TIME", "STATE", "POLICY", "KEPT", "LOST", "LOST CONTENT")


async def conflicts(options: Common, context: OptionalContextArgument = None) -> None:
    """Conflicts in the retained history. Exit code 1 if one is open."""
    subjects = await _subjects(options, context)
    found = [(subject.name, conflict) for subject in subjects for conflict in on_record(subject.history)]
    if options.output is Output.JSON:
        printing.print_json({"conflicts": [_as_json(name, conflict) for name, conflict in found]})
    elif not found:
        printing.note("no conflict on record")
    else:
        printing.console().print(printing.table(HEADER, [_row(name, conflict) for name, conflict in found]))
        if context is not None:
            for _, conflict in found:
                printing.print_diff(_contents(conflict))
    if any(conflict.state is ConflictState.OPEN for _, conflict in found):
        raise typer.Exit(printing.OUT_OF_SYNC)


async def _subjects(options: Common, given: str | None) -> list[Subject]:
    async with await options.connect() as api:
        if given is not None:
            return [await read(api, given, options.namespace)]
        return [await subject_of(api, context) for context in await all_contexts(api, options.namespace)]


def _row(name: str, conflict: Conflict) -> list[str | Text]:
    record = conflict.record
    return [
        name,
        record.item,
        str(conflict.version),
        conflict.timestamp,
        Text(conflict.state, style=STYLES.get(conflict.state, "")),
        record.policy,
        dot_text(record.kept),
        dot_text(record.lost.dot),
        f"{size(record.lost.content.wire())} bytes" if record.lost.content else "a deletion",
    ]


def _contents(conflict: Conflict) -> list[str]:
    """From what was kept to what was lost."""
    kept, lost = _kept(conflict), conflict.record.lost.content
    return unified(Difference(conflict.record.item, kept, lost), "kept", "lost")


def _kept(conflict: Conflict) -> ItemContent | None:
    return conflict.kept.content if conflict.kept else None


def _as_json(name: str, conflict: Conflict) -> dict[str, Any]:
    kept = _kept(conflict)
    return {
        "context": name,
        "version": conflict.version,
        "timestamp": conflict.timestamp,
        "state": conflict.state,
        **conflict.record.wire(),
        "lostDot": dot_text(conflict.record.lost.dot),
        "keptContent": kept.wire() if kept else None,
    }
