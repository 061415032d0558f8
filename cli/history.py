"""`mcpfed history`: what each retained revision changed, and who did; or the versions of one item."""

import asyncio
from pathlib import Path
from typing import Any

from cli import contexts, output
from cli.control_plane import connect
from cli.options import (
    ContextArgument,
    ItemArgument,
    KubeconfigContextOption,
    KubeconfigOption,
    NamespaceOption,
    Output,
    OutputOption,
)
from cli.problem import Problem
from core.difference import DifferenceKind
from core.history import Entry, ItemVersion, entries, item_history

MARKS = {DifferenceKind.ADDED: "+", DifferenceKind.CHANGED: "~", DifferenceKind.REMOVED: "-"}


def history(
    context: ContextArgument,
    item: ItemArgument = None,
    namespace: NamespaceOption = None,
    output: OutputOption = Output.TABLE,
    kubeconfig: KubeconfigOption = None,
    kubeconfig_context: KubeconfigContextOption = None,
) -> None:
    """Revisions: when, whose changes, which items (+ added, ~ changed, - removed), conflicts."""
    subject = asyncio.run(_read(context, namespace, kubeconfig, kubeconfig_context))
    if item is None:
        _print_revisions(subject, output)
    else:
        _print_item(subject, item, output)


async def _read(given: str, namespace: str | None, kubeconfig: Path | None, context: str | None) -> contexts.Subject:
    async with await connect(kubeconfig, context) as api:
        return await contexts.read(api, given, namespace)


def _print_revisions(subject: contexts.Subject, form: Output) -> None:
    found = entries(subject.history)
    if form is Output.JSON:
        output.print_json({"context": subject.name, "revisions": [_entry_json(entry) for entry in found]})
        return
    rows = [
        (
            str(entry.revision.version),
            entry.revision.timestamp,
            "\n".join(entry.sites),
            " ".join(f"{MARKS[kind]}{name}" for name, kind in entry.items.items()),
            str(len(entry.revision.conflicts) or ""),
        )
        for entry in reversed(found)
    ]
    output.console().print(output.table(("VERSION", "TIME", "CHANGES OF", "ITEMS", "CONFLICTS"), rows))


def _entry_json(entry: Entry) -> dict[str, Any]:
    revision = entry.revision
    return {
        "version": revision.version,
        "epoch": revision.epoch,
        "timestamp": revision.timestamp,
        "digest": revision.digest,
        "chainDigest": revision.chain_digest,
        "sites": entry.sites,
        "items": entry.items,
        "conflicts": len(revision.conflicts),
    }


def _print_item(subject: contexts.Subject, item: str, form: Output) -> None:
    found = item_history(subject.history, item)
    if not found:
        raise Problem(f"{subject.name}: no retained revision has an item {item} (`mcpfed history {subject.name}`)")
    if form is Output.JSON:
        versions = [_version_json(version) for version in found]
        output.print_json({"context": subject.name, "item": item, "versions": versions})
        return
    rows = [
        (
            str(version.revision.version),
            version.revision.timestamp,
            version.item.dot.site,
            output.short(version.item.digest) if version.item.digest else "deleted",
        )
        for version in reversed(found)
    ]
    output.console().print(output.table(("VERSION", "TIME", "BY", "DIGEST"), rows))


def _version_json(version: ItemVersion) -> dict[str, Any]:
    item, revision = version.item, version.revision
    return {
        "version": revision.version,
        "timestamp": revision.timestamp,
        "dot": item.dot.wire(),
        "digest": item.digest,
        "deleted": bool(item.deleted),
    }
