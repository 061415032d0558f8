"""`mcpfed rollback`: a new version with the content of an old one."""

import asyncio
from typing import Annotated

import typer

from api.item import ItemContent
from cli import contexts, printing
from cli.changing import change
from cli.connection import connect
from cli.diff import summary
from cli.options import (
    ContextArgument,
    KubeconfigContextOption,
    KubeconfigOption,
    NamespaceOption,
    Output,
    OutputOption,
    WaitOption,
    YesOption,
)
from cli.problem import Problem
from cli.reading import VersionArgument
from core.inspection.difference import differences, live
from core.inspection.rollback import rollback as rolled_back
from core.inspection.verify import revision_flaws


def rollback(
    context: ContextArgument,
    version: VersionArgument,
    item: Annotated[str, typer.Option("--item", help="Only items whose name matches, e.g. 'notes/*'.")] = "*",
    yes: YesOption = False,
    wait: WaitOption = None,
    namespace: NamespaceOption = None,
    output: OutputOption = Output.TABLE,
    kubeconfig: KubeconfigOption = None,
    kubeconfig_context: KubeconfigContextOption = None,
) -> None:
    """Give items the content that they had at VERSION, as a new version; history stays."""

    async def run() -> None:
        async with await connect(kubeconfig, kubeconfig_context) as api:
            subject = await contexts.read(api, context, namespace)
            wanted = _wanted(subject, version, item)
            if not wanted:
                _print_nothing(subject, version, output)
                return
            _confirm(subject, version, wanted, yes=yes)
            await change(api, subject, wanted, wait=wait, form=output)

    asyncio.run(run())


def _wanted(subject: contexts.Subject, version: int, pattern: str) -> dict[str, ItemContent | None]:
    target = subject.revision(version)
    flaws = revision_flaws(target)
    if flaws:
        raise Problem(f"{subject.name} version {version} is not what was committed: {flaws[0].message}; not restored")
    return rolled_back(subject.head, target, pattern)


def _print_nothing(subject: contexts.Subject, version: int, form: Output) -> None:
    head = subject.head.version
    if form is Output.JSON:
        answer = {"context": subject.name, "version": head, "items": list[str](), "lost": list[str](), "applied": None}
        printing.print_json(answer)
    else:
        printing.note(f"{subject.name}: nothing to do, version {head} has the content of version {version} there")


def _confirm(subject: contexts.Subject, version: int, wanted: dict[str, ItemContent | None], *, yes: bool) -> None:
    present = live(subject.head)
    before = {name: present[name] for name in wanted if name in present}
    after = {name: content for name, content in wanted.items() if content is not None}
    printing.note(f"{subject.name} back to version {version}: {summary(differences(before, after))}")
    printing.ask("rollback", "Make this a new version?", yes=yes)
