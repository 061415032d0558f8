"""Member status: what a member serves of a context, for MCPContext.status, and what is wrong in it as a whole."""

from collections.abc import Sequence
from typing import Final

from api.condition import (
    READY,
    REASON_APPLIED,
    REASON_NO_REPLICA,
    REASON_PROGRESSING,
    REASON_SERVER_NOT_FOUND,
    REASON_STALE,
    STALE,
)
from api.context_replica import Problem, SiteState
from api.mcp_context import MCPContext, MCPContextSpec, MCPContextStatus, ReplicaCounts
from api.names import SERVER_LABEL
from core.values.conditions import Verdict, conditions

REASON_REACHABLE: Final = "Reachable"
"""The control plane answers."""


def problems(context: MCPContext, server_exists: bool) -> list[Problem]:
    """What is wrong in the member as a whole.

    Args:
        context: the context in the member.
        server_exists: whether its namespace has a Deployment or StatefulSet of its server's name.
    """
    if server_exists:
        return []
    server, namespace = context.spec.mcp_server_name, context.metadata.namespace
    message = (
        f"namespace {namespace!r} has no Deployment or StatefulSet {server!r} with the label {SERVER_LABEL}: "
        f"deploy that MCP server to this cluster, or correct mcpServerName or the placement of FederatedContext "
        f"{context.metadata.name!r}"
    )
    return [Problem(reason=REASON_SERVER_NOT_FOUND, message=message)]


def status(
    context: MCPContext,
    sites: Sequence[SiteState],
    server_exists: bool,
    *,
    now: str,
    refusal: Problem | None = None,
    control_plane_silent: bool = False,
) -> MCPContextStatus:
    """What the member serves; equal to the present status if nothing has changed.

    Args:
        context: the context in the member, with its present status.
        sites: what its live pods hold, one site each, in any order.
        server_exists: whether its server's Deployment or StatefulSet exists.
        now: RFC 3339, for the conditions that change.
        refusal: why the control plane does not take the local changes, if it does not.
        control_plane_silent: whether the control plane has not answered for a while.
    """
    verdicts = {READY: _ready(context, sites, server_exists, refusal), STALE: _stale(control_plane_silent)}
    present = context.status.conditions
    observed = conditions(present, verdicts, context.metadata.generation, now)
    digests = {site.digest for site in sites}
    return MCPContextStatus(
        observed_generation=context.metadata.generation,
        observed_version=min((site.applied_version for site in sites), default=0),
        digest=digests.pop() if len(digests) == 1 else None,
        replicas=ReplicaCounts(total=len(sites), applied=sum(_has_applied(site, context.spec) for site in sites)),
        conditions=list({condition.type: condition for condition in [*present, *observed]}.values()),
    )


def _ready(context: MCPContext, sites: Sequence[SiteState], server_exists: bool, refusal: Problem | None) -> Verdict:
    """The first of these that holds, from what stops everything to what is a matter of time."""
    if wrong := problems(context, server_exists):
        return Verdict(False, wrong[0].reason, wrong[0].message)
    if not sites:
        silent = f"no pod of {context.spec.mcp_server_name!r} has reported: see its pods and their agent's log"
        return Verdict(False, REASON_NO_REPLICA, silent)
    if refusal:
        return Verdict(False, refusal.reason, refusal.message)
    if reported := sorted((site.pod, problem.message, problem.reason) for site in sites for problem in site.problems):
        pod, message, reason = reported[0]
        more = f" (and {len(reported) - 1} more)" if len(reported) > 1 else ""
        return Verdict(False, reason, f"pod {pod!r}: {message}{more}")
    applied, version = sum(_has_applied(site, context.spec) for site in sites), context.spec.version
    if applied < len(sites):
        return Verdict(False, REASON_PROGRESSING, f"{applied} of {len(sites)} pods serve version {version}")
    return Verdict(True, REASON_APPLIED, f"all {len(sites)} pods serve version {version}")


def _stale(control_plane_silent: bool) -> Verdict:
    if control_plane_silent:
        kept = "local changes are kept and sent when it does"
        return Verdict(True, REASON_STALE, f"the control plane does not answer: {kept}")
    return Verdict(False, REASON_REACHABLE, "the control plane answers")


def _has_applied(site: SiteState, spec: MCPContextSpec) -> bool:
    """Whether a pod serves the revision, or already a later one than our view of the context has reached."""
    same = site.base_digest == spec.chain_digest
    return site.applied_version > spec.version or (site.applied_version == spec.version and same)
