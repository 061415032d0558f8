"""`mcpfed status`: one row per context, and under the table why a cluster does not serve the head, and since when."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Annotated, Any, NoReturn

import typer
from pydantic import Field
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from api.federated_context import FederatedContextStatus, Phase
from api.model import Extensible, KubernetesObject
from cli import printing
from cli.following import following
from cli.options import Common, Output
from cli.problem import Problem
from kube.client import Api
from kube.kinds import FEDERATED_CONTEXT


class DeclarationOverview(Extensible):
    """What is shown of a declaration. The rest is not read: a payload may have what this version does not know."""

    mcp_server_name: str = ""
    context_type: str = ""


class ContextOverview(KubernetesObject):
    """A FederatedContext without its payload."""

    spec: DeclarationOverview
    status: FederatedContextStatus = Field(default_factory=FederatedContextStatus)


PHASE_STYLE = {Phase.APPLIED: "green", Phase.PENDING: "yellow", Phase.ERROR: "red"}
HEADER = ("NAMESPACE", "CONTEXT", "TYPE", "SERVER", "VERSION", "APPLIED", "CONFLICTS", "LAST WRITER", "PHASE")
REFRESH_SECONDS = 0.2
"""With --watch: the screen is drawn at most this often."""
SYNC_SECONDS = 30.0


async def status(
    options: Common,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing; Ctrl-C ends.")] = False,
) -> None:
    """Is every context in sync everywhere? If not: where, why, since when."""
    async with await options.connect() as api:
        if watch:
            await _watch(api, options)
        contexts = [ContextOverview.parse(raw) for raw in await api.list(FEDERATED_CONTEXT, options.namespace)]
    if options.output is Output.JSON:
        printing.print_json(as_json(contexts))
    else:
        printing.console().print(as_table(contexts))
    raise typer.Exit(0 if in_sync(contexts) else printing.OUT_OF_SYNC)


def in_sync(contexts: Sequence[ContextOverview]) -> bool:
    """Whether every context is served as its head says, everywhere, and no conflict is open."""
    return all(
        context.status.phase is Phase.APPLIED
        and context.status.observed_generation == context.metadata.generation
        and not context.status.conflicts.open
        for context in contexts
    )


def as_json(contexts: Sequence[ContextOverview]) -> dict[str, Any]:
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
    return {"inSync": in_sync(contexts), "contexts": rows}


def as_table(contexts: Sequence[ContextOverview]) -> RenderableType:
    """For people."""
    if not contexts:
        return Text("no FederatedContext on this control plane")
    table = printing.table(HEADER, [_row(context) for context in contexts])
    return Group(table, *_explanations(contexts))


def _row(context: ContextOverview) -> list[str | Text]:
    status = context.status
    return [
        context.metadata.namespace,
        context.metadata.name,
        context.spec.context_type,
        context.spec.mcp_server_name,
        str(status.version),
        status.applied or "",
        f"{status.conflicts.open} open, {status.conflicts.recorded} recorded",
        status.last_writer or "",
        Text(status.phase, style=PHASE_STYLE[status.phase]),
    ]


def _explanations(contexts: Sequence[ContextOverview]) -> list[Text]:
    lines: list[str] = []
    for context in contexts:
        status, name = context.status, f"{context.metadata.namespace}/{context.metadata.name}"
        stalled = next((c for c in status.conditions if c.type == "Stalled" and c.status == "True"), None)
        if stalled:
            lines.append(f"{name}: {stalled.reason} since {stalled.last_transition_time}: {stalled.message}")
        lines += [f"{name}: {e.cluster}: {e.reason} since {e.since}: {e.message}" for e in status.exceptions]
    return [Text(printing.printable(line)) for line in lines]


async def _watch(api: Api, options: Common) -> NoReturn:
    """Follows the contexts, without end, and prints them when something has changed; as JSON, one line each time."""
    async with following(api, FEDERATED_CONTEXT, options.namespace) as (reflector, changed):
        try:
            await asyncio.wait_for(reflector.synced.wait(), SYNC_SECONDS)
        except TimeoutError:
            raise Problem(f"the control plane did not list its contexts within {SYNC_SECONDS:.0f} s") from None
        with Live(auto_refresh=False) if options.output is Output.TABLE else nullcontext() as live:
            while True:
                changed.clear()
                contexts = [ContextOverview.parse(raw) for _, raw in sorted(reflector.cache.items())]
                if live:
                    live.update(as_table(contexts), refresh=True)
                else:
                    typer.echo(json.dumps(as_json(contexts)))
                await changed.wait()
                await asyncio.sleep(REFRESH_SECONDS)
