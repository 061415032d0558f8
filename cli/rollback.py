"""`mcpfed rollback`: a new version with the content of an old one."""

from typing import Annotated

import typer

from api.item import ItemContent
from cli import printing
from cli.changing import change
from cli.diff import summary
from cli.options import Common, ContextArgument, Output, VersionArgument, WaitOption, YesOption
from cli.problem import Problem
from cli.subject import Subject, read
from core.inspection.difference import differences, live
from core.inspection.rollback import rollback as rolled_back
from core.inspection.verify import revision_flaws


async def rollback(
    options: Common,
    context: ContextArgument,
    version: VersionArgument,
    item: Annotated[str, typer.Option("--item", help="Only items whose name matches, e.g. 'notes/*'.")] = "*",
    yes: YesOption = False,
    wait: WaitOption = None,
) -> None:
    """Give items the content that they had at VERSION, as a new version; history stays."""
    async with await options.connect() as api:
        subject = await read(api, context, options.namespace)
        desired = _desired(subject, version, item)
        if not desired:
            _print_nothing(subject, version, options.output)
            return
        _confirm(subject, version, desired, yes=yes)
        await change(api, subject, desired, wait=wait, form=options.output)


def _desired(subject: Subject, version: int, pattern: str) -> dict[str, ItemContent | None]:
    target = subject.revision(version)
    flaws = revision_flaws(target)
    if flaws:
        raise Problem(f"{subject.name} version {version} is not what was committed: {flaws[0].message}; not restored")
    return rolled_back(subject.head, target, pattern)


def _print_nothing(subject: Subject, version: int, form: Output) -> None:
    head = subject.head.version
    if form is Output.JSON:
        answer = {"context": subject.name, "version": head, "items": list[str](), "lost": list[str](), "applied": None}
        printing.print_json(answer)
    else:
        printing.note(f"{subject.name}: nothing to do, version {head} has the content of version {version} there")


def _confirm(subject: Subject, version: int, desired: dict[str, ItemContent | None], *, yes: bool) -> None:
    present = live(subject.head)
    before = {name: present[name] for name in desired if name in present}
    after = {name: content for name, content in desired.items() if content is not None}
    printing.note(f"{subject.name} back to version {version}: {summary(differences(before, after))}")
    printing.ask("rollback", "Make this a new version?", yes=yes)
