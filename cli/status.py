"""`mcpfed status`: one row per context, and under the table why a cluster does not serve the head, and since when."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.federated_context import FederatedContext, Phase

PHASE_STYLE = {Phase.APPLIED: "green", Phase.PENDING: "yellow", Phase.ERROR: "red"}


def in_sync(contexts: Sequence[FederatedContext]) -> bool:
    """Whether every context is served as its head says, everywhere, and no conflict is open."""
    return all(
        context.status.phase is Phase.APPLIED
        and context.status.observed_generation == context.metadata.generation
        and not context.status.conflicts.open
        for context in contexts
    )


def as_json(contexts: Sequence[FederatedContext]) -> str:
    """For programs: name and status of every context."""
    rows: list[dict[str, Any]] = [
        {
            "namespace": context.metadata.namespace,
            "name": context.metadata.name,
            "contextType": context.spec.context_type,
            "mcpServerName": context.spec.mcp_server_name,
            "status": context.status.wire(),
        }
        for context in contexts
    ]
    return json.dumps({"inSync": in_sync(contexts), "contexts": rows}, indent=2)


def as_table(contexts: Sequence[FederatedContext]) -> RenderableType:
    """For people."""
    if not contexts:
        return Text("no FederatedContext on this control plane")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("NAMESPACE", "CONTEXT", "TYPE", "SERVER", "VERSION", "APPLIED", "CONFLICTS", "LAST WRITER", "PHASE"):
        table.add_column(column, overflow="fold")
    for context in contexts:
        status = context.status
        phase = Text(status.phase, style=PHASE_STYLE[status.phase])
        conflicts = f"{status.conflicts.open} open, {status.conflicts.recorded} recorded"
        table.add_row(
            context.metadata.namespace,
            context.metadata.name,
            context.spec.context_type,
            context.spec.mcp_server_name,
            str(status.version),
            status.applied or "",
            conflicts,
            status.last_writer or "",
            phase,
        )
    return Group(table, *_explanations(contexts))


def _explanations(contexts: Sequence[FederatedContext]) -> list[Text]:
    lines: list[Text] = []
    for context in contexts:
        status, name = context.status, f"{context.metadata.namespace}/{context.metadata.name}"
        stalled = next((c for c in status.conditions if c.type == "Stalled" and c.status == "True"), None)
        if stalled:
            lines.append(Text(f"{name}: {stalled.reason} since {stalled.last_transition_time}: {stalled.message}"))
        lines += [Text(f"{name}: {e.cluster}: {e.reason} since {e.since}: {e.message}") for e in status.exceptions]
    return lines


def show(console: Console, contexts: Sequence[FederatedContext], output: str) -> None:
    """Prints the answer in the form that was asked for."""
    if output == "json":
        console.print_json(as_json(contexts))
    else:
        console.print(as_table(contexts))
