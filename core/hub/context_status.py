"""FederatedContext.status from what is observed: revisions, replicas, clusters. Bounded at any fleet size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from api import condition as c
from api.condition import Condition
from api.context_replica import ContextReplicaSpec, Problem, SiteState
from api.context_revision import ContextRevisionSpec
from api.federated_context import (
    ClusterCounts,
    ClusterException,
    ConflictCounts,
    FederatedContext,
    FederatedContextStatus,
    Phase,
)
from api.names import DECLARED_SITE, INLINE_LIMIT_BYTES
from core.hub.decide import kind_of

EXCEPTION_LIMIT = 20
MESSAGE_LIMIT = 1024


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
    message: str = ""


@dataclass(frozen=True)
class SpecProblem:
    """Why a declaration cannot be taken in."""

    reason: str
    message: str


def context_status(
    context: FederatedContext,
    history: Sequence[ContextRevisionSpec],
    members: Sequence[MemberView],
    problem: SpecProblem | None,
    now: str,
) -> FederatedContextStatus:
    """The status; equal to the previous one if nothing has changed (times included).

    Args:
        context: with its previous status.
        history: retained revisions, oldest first; the last is the head.
        members: the placed clusters.
        problem: what is wrong with the declaration, if anything.
        now: RFC 3339, for conditions and exceptions that are new.
    """
    head = history[-1] if history else None
    states = [cluster_state(member, head.version if head else 0) for member in members]
    counts = ClusterCounts(
        total=len(states),
        applied=sum(s.state == "applied" for s in states),
        pending=sum(s.state == "pending" for s in states),
        failed=sum(s.state == "failed" for s in states),
        stale=sum(s.stale for s in states),
    )
    opened = sum(record.open for record in head.conflicts) if head else 0
    recorded = {
        (record.item, record.lost.dot) for revision in history for record in revision.conflicts if not record.merged
    }
    phase = _phase(counts, problem, head)
    return FederatedContextStatus(
        observed_generation=context.metadata.generation,
        phase=phase,
        epoch=head.epoch if head else 0,
        version=head.version if head else 0,
        timestamp=head.timestamp if head else None,
        digest=head.digest if head else None,
        last_writer=_last_writer(head),
        clusters=counts,
        applied=f"{counts.applied}/{counts.total}",
        exceptions=_exceptions(context.status.exceptions, states, now),
        conflicts=ConflictCounts(open=opened, recorded=len(recorded)),
        conditions=_conditions(context, states, counts, opened, problem, phase, now),
    )


def cluster_state(member: MemberView, version: int) -> ClusterState:
    """Whether a cluster serves revision `version` at all its pods, and if not, why."""
    name = member.cluster
    if not member.registered:
        known = f"no Cluster {name!r} is registered with Karmada: register it or take it out of spec.clusters"
        return ClusterState(name, "failed", False, c.REASON_CLUSTER_NOT_FOUND, known)
    if member.replica is None:
        reason = c.REASON_NO_REPLICA if member.prepared else c.REASON_CLUSTER_NOT_READY
        waiting = "nothing has reported this context yet" if member.prepared else "the member is still being prepared"
        if member.propagation_error:
            return ClusterState(
                name, "failed", member.stale, c.REASON_PROPAGATION_FAILED, member.propagation_error[:MESSAGE_LIMIT]
            )
        return ClusterState(name, "pending", member.stale, reason, waiting)
    trouble = _problem(member.replica)
    if trouble:
        return ClusterState(name, "failed", member.stale, trouble.reason, trouble.message[:MESSAGE_LIMIT])
    if member.held_back:
        items = ", ".join(member.held_back[:5])
        full = (
            f"changes of {items} would make the payload larger than {INLINE_LIMIT_BYTES} bytes: shorten or delete items"
        )
        return ClusterState(name, "failed", member.stale, c.REASON_PAYLOAD_TOO_LARGE, full)
    sites = _live(member.replica.sites)
    if sites and all(site.applied_version >= version for site in sites):
        silent = "applied, but not heard of for a while" if member.stale else ""
        return ClusterState(name, "applied", member.stale, c.REASON_STALE if silent else "", silent)
    if member.stale:
        return ClusterState(name, "pending", True, c.REASON_STALE, "not heard of for a while; it catches up on return")
    if not sites:
        return ClusterState(name, "pending", False, c.REASON_NO_REPLICA, "no pod of the MCP server is ready")
    return ClusterState(name, "pending")


def _live(sites: Sequence[SiteState]) -> list[SiteState]:
    """Sites of pods that still run; the others wait only for a decision on their last changes."""
    return [site for site in sites if site.pod]


def _problem(replica: ContextReplicaSpec) -> Problem | None:
    return next(iter([*replica.problems, *(problem for site in replica.sites for problem in site.problems)]), None)


def _phase(counts: ClusterCounts, problem: SpecProblem | None, head: ContextRevisionSpec | None) -> Phase:
    if problem or counts.failed or not counts.total:
        return Phase.ERROR
    return Phase.APPLIED if head and counts.applied == counts.total else Phase.PENDING


def _last_writer(head: ContextRevisionSpec | None) -> str | None:
    if head is None or not head.cause:
        return None
    site = max((cause.site for cause in head.cause), key=lambda site: (head.version_vector.get(site, ""), site))
    return DECLARED_SITE if kind_of(site) == DECLARED_SITE else site


def _exceptions(before: Sequence[ClusterException], states: Sequence[ClusterState], now: str) -> list[ClusterException]:
    since: Mapping[tuple[str, str], str] = {(e.cluster, e.reason): e.since for e in before}
    notable = sorted((s for s in states if s.reason), key=lambda s: (s.state != "failed", s.cluster))
    return [
        ClusterException(
            cluster=s.cluster, reason=s.reason, message=s.message, since=since.get((s.cluster, s.reason), now)
        )
        for s in notable[:EXCEPTION_LIMIT]
    ]


def _conditions(
    context: FederatedContext,
    states: Sequence[ClusterState],
    counts: ClusterCounts,
    opened: int,
    problem: SpecProblem | None,
    phase: Phase,
    now: str,
) -> list[Condition]:
    failed = next((s for s in states if s.state == "failed"), None)
    halted = next((s for s in states if s.reason == c.HALTED), None)
    progress = f"{counts.applied} of {counts.total} clusters serve the head"
    if problem:
        reason, message = problem.reason, problem.message
    elif context.spec.suspended:
        reason, message = c.REASON_SUSPENDED, "spec.suspended is true"
    elif failed:
        reason, message = failed.reason, f"cluster {failed.cluster}: {failed.message}"
    elif not counts.total:
        reason, message = c.REASON_NO_CLUSTER, "no registered cluster is selected"
    else:
        reason = c.REASON_APPLIED if phase is Phase.APPLIED else c.REASON_PROGRESSING
        message = progress
    applied = phase is Phase.APPLIED
    wanted = [
        (c.READY, applied, reason, message),
        (c.RECONCILING, phase is Phase.PENDING, reason, message),
        (c.STALLED, problem is not None, reason, message if problem else "nothing waits for a person"),
        (c.PROPAGATED, applied, reason, progress),
        (c.CONFLICTED, opened > 0, "OpenConflicts" if opened else "NoOpenConflict", f"{opened} open"),
        (c.STALE, counts.stale > 0, c.REASON_STALE if counts.stale else "AllReporting", f"{counts.stale} clusters"),
        (c.HALTED, halted is not None, c.HALTED if halted else "Publishing", halted.message if halted else ""),
    ]
    before = {condition.type: condition for condition in context.status.conditions}
    return [_condition(before.get(kind), kind, state, reason, message, context.metadata.generation, now)
            for kind, state, reason, message in wanted]  # fmt: skip


def _condition(
    before: Condition | None, kind: str, state: bool, reason: str, message: str, generation: int, now: str
) -> Condition:
    status: Literal["True", "False"] = "True" if state else "False"
    kept = before is not None and before.status == status
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message[:MESSAGE_LIMIT],
        last_transition_time=before.last_transition_time if before and kept else now,
        observed_generation=generation,
    )
