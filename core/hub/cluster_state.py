"""Cluster state: how far one placed cluster is with a context, and if it is not up to date, why."""

from dataclasses import dataclass
from typing import Final, Literal

from api import condition as c
from api.context_replica import ContextReplicaSpec, Problem, SiteState
from api.names import INLINE_LIMIT_BYTES

MESSAGE_LIMIT: Final = 1024
"""Characters of a message that are shown."""
_NAMED_LIMIT: Final = 5
"""So many items are named in a message."""


@dataclass(frozen=True)
class MemberView:
    """What is known of one placed cluster."""

    cluster: str
    registered: bool = True
    prepared: bool = True
    stale: bool = False
    replica: ContextReplicaSpec | None = None
    propagation_error: str = ""
    held_back: tuple[str, ...] = ()
    """Items whose changes do not fit into the payload."""


@dataclass(frozen=True)
class ClusterState:
    """One cluster's part of the summary."""

    cluster: str
    state: Literal["applied", "pending", "failed"]
    stale: bool = False
    reason: str = ""
    """Empty: there is nothing to report but the state."""
    message: str = ""


def cluster_state(member: MemberView, version: int) -> ClusterState:
    """Whether a cluster serves revision `version` at all its pods, and if not, why."""
    stale = member.registered and member.stale
    failure = _failure(member)
    if failure:
        return ClusterState(member.cluster, "failed", stale, *failure)
    sites = _live(member.replica) if member.replica else []
    if sites and all(site.applied_version >= version for site in sites):
        reason = (c.REASON_STALE, "applied, but has not reported for a while") if stale else ()
        return ClusterState(member.cluster, "applied", stale, *reason)
    return ClusterState(member.cluster, "pending", stale, *_waiting(member, sites))


def _failure(member: MemberView) -> tuple[str, str] | None:
    """Reason and message of what a person must mend; None if there is nothing."""
    if not member.registered:
        missing = f"no Cluster {member.cluster!r} is registered with Karmada"
        return c.REASON_CLUSTER_NOT_FOUND, f"{missing}: register it or take it out of spec.clusters"
    if member.replica is None:
        error = member.propagation_error
        return (c.REASON_PROPAGATION_FAILED, error[:MESSAGE_LIMIT]) if error else None
    if problem := _problem(member.replica):
        return problem.reason, problem.message[:MESSAGE_LIMIT]
    if member.held_back:
        items = ", ".join(member.held_back[:_NAMED_LIMIT])
        full = f"changes of {items} would make the payload larger than {INLINE_LIMIT_BYTES} bytes"
        return c.REASON_PAYLOAD_TOO_LARGE, f"{full}: shorten or delete items"
    return None


def _waiting(member: MemberView, sites: list[SiteState]) -> tuple[str, str]:
    """Reason and message of what is a matter of time; empty if the revision is just on its way."""
    if member.replica is None and not member.prepared:
        return c.REASON_CLUSTER_NOT_READY, "the member is still being prepared"
    if member.replica is None:
        return c.REASON_NO_REPLICA, "nothing has reported this context yet"
    if member.stale:
        return c.REASON_STALE, "has not reported for a while; it catches up on return"
    return ("", "") if sites else (c.REASON_NO_REPLICA, "no pod of the MCP server is ready")


def _live(replica: ContextReplicaSpec) -> list[SiteState]:
    """Sites of pods that still run; the others wait only for a decision on their last changes."""
    return [site for site in replica.sites if site.pod]


def _problem(replica: ContextReplicaSpec) -> Problem | None:
    return next(iter([*replica.problems, *(problem for site in replica.sites for problem in site.problems)]), None)
