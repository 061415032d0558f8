"""`mcpfed get` and `show`: the payload of a revision, or one item of it."""

from typing import Any

from api.context_revision import ContextRevisionSpec, RevisionItem
from api.item import ContextType, ItemContent
from cli import printing
from cli.options import Common, ContextArgument, ItemArgument, Output, VersionArgument
from cli.problem import Problem
from cli.subject import Subject, load
from core.inspection.resolve import dot_text
from core.site.directory import render
from core.values import clock
from core.values.canonical import size


async def get(options: Common, context: ContextArgument, item: ItemArgument = None) -> None:
    """What is served now: all items, or one as its files are."""
    subject = await load(options, context)
    _print(subject, subject.head, item, options.output)


async def show(options: Common, context: ContextArgument, version: VersionArgument, item: ItemArgument = None) -> None:
    """What was served at a version: all items, or one as its files were."""
    subject = await load(options, context)
    _print(subject, subject.revision(version), item, options.output)


def _print(subject: Subject, revision: ContextRevisionSpec, item: str | None, form: Output) -> None:
    if item is None:
        _print_payload(subject, revision, form)
        return
    content = _content(subject, revision, item)
    if form is Output.JSON:
        printing.print_json({"name": item, **content.wire()})
    else:
        _print_files(subject.context.spec.context_type, item, content)


def _content(subject: Subject, revision: ContextRevisionSpec, name: str) -> ItemContent:
    found = next((item for item in revision.items if item.name == name), None)
    if found is None:
        raise Problem(f"{subject.name} version {revision.version} has no item {name}: leave it out for a list")
    if found.content is None:
        raise Problem(f"{subject.name} version {revision.version}: {name} was deleted by {dot_text(found.dot)}")
    return found.content


def _print_files(context_type: ContextType, name: str, content: ItemContent) -> None:
    """The item's files; the name of each goes to stderr, so that one file in a pipe is the file."""
    for path, file in render(context_type, name, content).items():
        printing.note(f"# {path}")
        printing.print_bytes(file.data)


def _print_payload(subject: Subject, revision: ContextRevisionSpec, form: Output) -> None:
    if form is Output.JSON:
        printing.print_json({**revision.wire(), "context": subject.name})
        return
    printing.print_lines(
        [
            f"{subject.name} version {revision.version}, committed {revision.timestamp}",
            f"payload {revision.digest}",
            f"revision {revision.chain_digest}",
            f"changes of {', '.join(cause.site for cause in revision.cause) or 'nobody'}",
            "",
        ]
    )
    rows = [_row(item) for item in revision.items if item.content is not None]
    printing.console().print(printing.table(("ITEM", "BYTES", "WRITTEN", "BY", "DIGEST"), rows))


def _row(item: RevisionItem) -> tuple[str, ...]:
    content: Any = item.content.wire() if item.content else {}
    return item.name, str(size(content)), clock.rfc3339(item.dot.hlc), item.dot.site, printing.short(item.digest or "")
