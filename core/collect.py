"""Collect: what the pods of a member hold and propose → the one replica that the control plane reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.context_replica import Change, ContextReplicaSpec, ContextReplicaStatus, Problem, SiteState
from core import canonical, clock
from core.version_vector import includes


@dataclass(frozen=True)
class MemberContext:
    """A context in one member."""

    cluster: str
    namespace: str
    context: str

    def speaks_as(self, site: str) -> bool:
        """Whether a site belongs to this member: no agent speaks for another cluster."""
        return site.startswith(f"{self.cluster}/")


def collect(
    place: MemberContext,
    version_vector: Mapping[str, str],
    pod_replicas: Iterable[ContextReplicaSpec],
    cluster_replica: ContextReplicaSpec | None,
    problems: Sequence[Problem] = (),
) -> ContextReplicaSpec:
    """The replica of the whole member.

    Args:
        place: the context and the member; sites of other members are left out.
        version_vector: what the member's revision has taken in; empty if it has none.
        pod_replicas: what each pod says, in any order; also of deleted pods until they are released.
        cluster_replica: what the control plane holds now. A site that only it knows, because its pod is gone, stays
            while it has undecided changes.
        problems: what is wrong in the member as a whole.
    """
    sites: dict[str, SiteState] = {}
    for state in _sites(place, pod_replicas):
        sites[state.site] = max(sites[state.site], state, key=_recency) if state.site in sites else state
    for state in _sites(place, [cluster_replica] if cluster_replica else []):
        if state.site not in sites and undecided(state, version_vector):
            sites[state.site] = state
    return ContextReplicaSpec(
        context=place.context,
        context_namespace=place.namespace,
        cluster=place.cluster,
        sites=[sites[site] for site in sorted(sites)],
        problems=list(problems),
    )


def undecided(state: SiteState, version_vector: Mapping[str, str]) -> list[Change]:
    """The changes of a site that no revision has taken in."""
    return [change for change in state.changes if not includes(version_vector, change.dot)]


def releasable(
    place: MemberContext,
    version_vector: Mapping[str, str],
    pod_replica: ContextReplicaSpec,
    cluster_replica: ContextReplicaSpec | None,
) -> bool:
    """Whether a pod's replica may vanish: the control plane has decided, or itself holds, each of its changes."""
    held = {state.site: state.changes for state in cluster_replica.sites} if cluster_replica else {}
    return all(
        change in held.get(state.site, [])
        for state in _sites(place, [pod_replica])
        for change in undecided(state, version_vector)
    )


def status_for(pod_replica: ContextReplicaSpec, decisions: ContextReplicaStatus) -> ContextReplicaStatus:
    """The part of a cluster replica's status that is about one pod's sites."""
    sites = {state.site for state in pod_replica.sites}
    return ContextReplicaStatus(
        decided=[decision for decision in decisions.decided if decision.site in sites],
        outcomes=[outcome for outcome in decisions.outcomes if outcome.dot.site in sites],
        message=decisions.message,
    )


def _sites(place: MemberContext, replicas: Iterable[ContextReplicaSpec]) -> list[SiteState]:
    return [state for replica in replicas for state in replica.sites if place.speaks_as(state.site)]


def _recency(state: SiteState) -> tuple[int, str, str]:
    """Order of two states of one site, which exist only if a replica was copied: the digest makes it total."""
    return (
        state.applied_version,
        clock.latest(change.dot.hlc for change in state.changes),
        canonical.digest(state.wire()),
    )
