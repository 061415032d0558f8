"""`mcpfed resolve`: a person decides on an item whose changes were in conflict, or restores what was lost."""

from pathlib import Path
from typing import Annotated

import typer

from api.item import ItemContent
from cli.changing import change
from cli.options import Common, ContextArgument, WaitOption
from cli.problem import Problem
from cli.subject import Subject, read
from core.inspection.difference import live
from core.inspection.history import ConflictState, conflicts
from core.inspection.resolve import choose, with_file


async def resolve(
    options: Common,
    context: ContextArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The item to decide on.", show_default=False)],
    keep: Annotated[bool, typer.Option("--keep", help="What was kept is right.")] = False,
    take_lost: Annotated[bool, typer.Option("--take-lost", help="Restore the change that was lost.")] = False,
    dot: Annotated[
        str | None, typer.Option("--dot", metavar="SITE@HLC", help="Which one, where several were lost.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Take this: a file as it is in the context directory.")
    ] = None,
    wait: WaitOption = None,
) -> None:
    """Decide on a conflict: the decision is a new version, and open conflicts of the item are closed."""
    if keep + take_lost + (file is not None) != 1:
        raise Problem("resolve: give one of --keep, --take-lost and --file PATH")
    if dot is not None and not take_lost:
        raise Problem("resolve: --dot says which loser --take-lost takes")
    data = _read_file(file) if file else b""
    async with await options.connect() as api:
        subject = await read(api, context, options.namespace)
        if keep:
            content = _kept(subject, item)
        elif file:
            present, context_type = live(subject.head).get(item), subject.context.spec.context_type
            content = with_file(context_type, _known(subject, item), present, data, file.suffix)
        else:
            content = choose(conflicts(subject.history), item, dot).record.lost.content
        await change(api, subject, {item: content}, wait=wait, form=options.output)


def _kept(subject: Subject, item: str) -> ItemContent | None:
    found = conflicts(subject.history)
    if not any(conflict.record.item == item and conflict.state is ConflictState.OPEN for conflict in found):
        raise Problem(f"{subject.name}: no conflict of item {item} is open (`mcpfed conflicts {subject.name}`)")
    return live(subject.head).get(item)


def _known(subject: Subject, item: str) -> str:
    if not any(conflict.record.item == item for conflict in conflicts(subject.history)):
        raise Problem(f"{subject.name}: no conflict of item {item} is on record (`mcpfed conflicts {subject.name}`)")
    return item


def _read_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}") from error
