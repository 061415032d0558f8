"""What `rollback` and `resolve` have in common: propose, wait, and print what became of it."""

import sys
from collections.abc import Mapping

import typer

from api.item import ItemContent
from cli import printing
from cli.options import Output
from cli.proposal import Decision, applied, propose
from cli.subject import Subject
from core.inspection.resolve import dot_text
from kube.client import Api


async def change(
    api: Api, subject: Subject, desired: Mapping[str, ItemContent | None], *, wait: bool | None, form: Output
) -> None:
    """Makes a person's changes and prints what became of them.

    Raises:
        typer.Exit: with code 1 if a change was kept out, or not every cluster serves the new version in time.
    """
    decision = await propose(api, subject, desired)
    if form is Output.TABLE:
        printing.note(f"{subject.name} version {decision.version} committed")
    is_applied = None
    if sys.stdout.isatty() if wait is None else wait:
        is_applied = await applied(api, subject.context, decision.version)
    _print(subject, decision, sorted(desired), is_applied, form)
    if decision.lost or is_applied is False:
        raise typer.Exit(printing.OUT_OF_SYNC)


def _print(subject: Subject, decision: Decision, items: list[str], is_applied: bool | None, form: Output) -> None:
    if form is Output.JSON:
        lost = [{"item": record.item, "kept": record.kept.wire()} for record in decision.lost]
        answer = {"context": subject.name, "version": decision.version, "items": items, "lost": lost}
        printing.print_json({**answer, "applied": is_applied})
        return
    for record in decision.lost:
        printing.note(
            f"{record.item}: not changed, because {dot_text(record.kept)} had changed it at the same time; "
            f"`mcpfed conflicts {subject.name}` shows both"
        )
    if is_applied is False:
        printing.note("not every cluster serves it yet: `mcpfed status` says where and why")
    printing.print_lines([str(decision.version)])
