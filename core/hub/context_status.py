"""Context status: FederatedContext.status, from revisions and clusters as observed. Bounded at any fleet size."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api import condition as c
from api.context_revision import ContextRevisionSpec
from api.federated_context import (
    ClusterCounts,
    ClusterException,
    ConflictCounts,
    FederatedContext,
    FederatedContextStatus,
    Phase,
)
from api.names import DECLARED_SITE
from core.hub.cluster_state import MESSAGE_LIMIT, ClusterState, MemberView, cluster_state
from core.hub.decide import kind_of
from core.values.conditions import Verdict, conditions

EXCEPTION_LIMIT: Final = 20
"""Clusters that are listed; of more, the failed ones first."""


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
    counts, conflicts = _counts(states), _conflicts(history)
    phase = _phase(counts, problem, head)
    verdicts = _verdicts(context, states, counts, conflicts.open, problem, phase)
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
        conflicts=conflicts,
        conditions=conditions(context.status.conditions, verdicts, context.metadata.generation, now),
    )


def invalid_status(before: FederatedContextStatus, message: str, generation: int, now: str) -> FederatedContextStatus:
    """The status while the declaration cannot be read: the rest stays as it was, as does what members serve.

    Args:
        before: the previous status.
        message: what is wrong, where, and what to do.
        generation: of the declaration.
        now: RFC 3339, for conditions that are new.
    """
    aspects = {c.READY: False, c.RECONCILING: False, c.STALLED: True}
    verdicts = {kind: Verdict(holds, c.REASON_INVALID_SPEC, message[:MESSAGE_LIMIT]) for kind, holds in aspects.items()}
    others = [condition for condition in before.conditions if condition.type not in verdicts]
    found = [*conditions(before.conditions, verdicts, generation, now), *others]
    return before.model_copy(update={"observed_generation": generation, "phase": Phase.ERROR, "conditions": found})


def _counts(states: Sequence[ClusterState]) -> ClusterCounts:
    found = Counter(state.state for state in states)
    return ClusterCounts(
        total=len(states),
        applied=found["applied"],
        pending=found["pending"],
        failed=found["failed"],
        stale=sum(state.stale for state in states),
    )


def _conflicts(history: Sequence[ContextRevisionSpec]) -> ConflictCounts:
    records = [record for revision in history for record in revision.conflicts if not record.merged]
    opened = sum(record.open for record in history[-1].conflicts) if history else 0
    return ConflictCounts(open=opened, recorded=len({(record.item, record.lost.dot) for record in records}))


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


def _verdicts(
    context: FederatedContext,
    states: Sequence[ClusterState],
    counts: ClusterCounts,
    opened: int,
    problem: SpecProblem | None,
    phase: Phase,
) -> dict[str, Verdict]:
    progress = f"{counts.applied} of {counts.total} clusters serve the head"
    reason, message = _summary(context, states, problem, phase, progress)
    halted = next((state.message for state in states if state.reason == c.HALTED), None)
    applied, stale = phase is Phase.APPLIED, counts.stale > 0
    return {
        c.READY: Verdict(applied, reason, message),
        c.RECONCILING: Verdict(phase is Phase.PENDING, reason, message),
        c.STALLED: Verdict(problem is not None, reason, message if problem else "nothing waits for a person"),
        c.PROPAGATED: Verdict(applied, reason, progress),
        c.CONFLICTED: Verdict(opened > 0, "OpenConflicts" if opened else "NoOpenConflict", f"{opened} open"),
        c.STALE: Verdict(stale, c.REASON_STALE if stale else "AllReporting", f"{counts.stale} clusters"),
        c.HALTED: Verdict(halted is not None, "Publishing" if halted is None else c.HALTED, halted or ""),
    }


def _summary(
    context: FederatedContext, states: Sequence[ClusterState], problem: SpecProblem | None, phase: Phase, progress: str
) -> tuple[str, str]:
    """Reason and message of the whole: the first that holds, from what stops everything to what is a matter of time."""
    failed = next((state for state in states if state.state == "failed"), None)
    if problem:
        return problem.reason, problem.message[:MESSAGE_LIMIT]
    if context.spec.suspended:
        return c.REASON_SUSPENDED, "spec.suspended is true"
    if failed:
        return failed.reason, f"cluster {failed.cluster}: {failed.message}"[:MESSAGE_LIMIT]
    if not states:
        return c.REASON_NO_CLUSTER, "no registered cluster is selected"
    return (c.REASON_APPLIED if phase is Phase.APPLIED else c.REASON_PROGRESSING), progress
