"""`mcpfed confirm`: a person confirms that what halted a cluster, such as many items gone at once, is intended."""

from typing import Annotated

import typer

from api.condition import HALTED
from api.context_replica import ContextReplica, SiteState
from api.names import cluster_replica_name, member_namespace
from cli import printing
from cli.options import Common, ContextArgument, Output, YesOption
from cli.problem import Problem
from cli.proposal import OPERATOR_MANAGER
from cli.subject import find, full_name
from core.inspection.confirm import CONFIRM_ANNOTATION, confirmation, is_confirmable
from kube.client import Api
from kube.kinds import CONTEXT_REPLICA, ObjectKey


async def confirm(
    options: Common,
    context: ContextArgument,
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER", help="The cluster that has halted.", show_default=False)],
    yes: YesOption = False,
) -> None:
    """Let a halted cluster publish what it holds now; later changes are not covered."""
    async with await options.connect() as api:
        found = await find(api, context, options.namespace)
        name = cluster_replica_name(found.metadata.namespace, found.metadata.name)
        key = ObjectKey(member_namespace(cluster), name)
        halted = await _halted(api, key, f"{full_name(found)} in cluster {cluster}")
        for line in _explanations(halted):
            printing.note(line)
        printing.ask("confirm", "Publish what it holds now, deletions included?", yes=yes)
        patch = {"metadata": {"annotations": {CONFIRM_ANNOTATION: confirmation(halted)}}}
        await api.patch(CONTEXT_REPLICA, *key, patch, field_manager=OPERATOR_MANAGER)
    _print(full_name(found), cluster, [state.site for state in halted], options.output)


async def _halted(api: Api, key: ObjectKey, where: str) -> list[SiteState]:
    """The sites that have halted and report what they would publish."""
    raw = await api.get(CONTEXT_REPLICA, *key)
    if raw is None:
        raise Problem(f"{where} has reported nothing: `mcpfed status` says why")
    sites = ContextReplica.parse(raw).spec.sites
    halted = [state for state in sites if is_confirmable(state)]
    if not halted:
        blind = [line for state in sites for line in _explanations([state])]
        raise Problem(f"{where} {f'cannot be confirmed: {blind[0]}' if blind else 'has not halted'}")
    return halted


def _explanations(states: list[SiteState]) -> list[str]:
    return [f"{state.site}: {p.message}" for state in states for p in state.problems if p.reason == HALTED]


def _print(context: str, cluster: str, sites: list[str], form: Output) -> None:
    if form is Output.JSON:
        printing.print_json({"context": context, "cluster": cluster, "confirmed": sites})
    else:
        printing.print_lines([f"{context}: confirmed what {', '.join(sites)} would publish"])
