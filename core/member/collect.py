"""collect: what the pods of a member hold and propose becomes the one replica that the control plane reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.context_replica import Change, ContextReplicaSpec, ContextReplicaStatus, Inventory, Problem, SiteState
from core.site.state import PUBLISHED_BYTES
from core.values import canonical, clock
from core.values.version_vector import dominates, includes

_INVENTORIES_BYTES: Final = PUBLISHED_BYTES // 2
"""Inventories of at most this size are sent at a time, so that changes fit beside them."""


@dataclass(frozen=True)
class MemberContext:
    """A context in one member."""

    cluster: str
    namespace: str
    context: str

    def owns(self, site: str) -> bool:
        """Whether a site belongs to this member: no agent reports sites of another cluster."""
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
        pod_replicas: what each pod reports, in any order; also of deleted pods until they are released.
        cluster_replica: what the control plane holds now. A site that only it knows, because its pod is gone, stays
            while any of its changes is undecided.
        problems: what is wrong in the member as a whole.
    """
    sites: dict[str, SiteState] = {}
    for state in _sites(place, pod_replicas):
        sites[state.site] = max(sites[state.site], state, key=_recency) if state.site in sites else state
    sites = _with_inventories_that_fit(sites)
    for state in _sites(place, [cluster_replica] if cluster_replica else []):
        if state.site not in sites and not is_decided(state, version_vector):
            sites[state.site] = state.model_copy(update={"pod": ""})
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


def is_decided(state: SiteState, version_vector: Mapping[str, str]) -> bool:
    """Whether a revision has taken in all that a site reports: its changes and, where it has one, its inventory."""
    return not undecided(state, version_vector) and not _owed(state, version_vector)


def releasable(
    place: MemberContext,
    version_vector: Mapping[str, str],
    pod_replica: ContextReplicaSpec,
    cluster_replica: ContextReplicaSpec | None,
) -> bool:
    """Whether a pod's replica may be deleted: the control plane has decided all that it reports, or holds it itself."""
    held = {state.site: state for state in cluster_replica.sites} if cluster_replica else {}
    for state in _sites(place, [pod_replica]):
        stored = held.get(state.site)
        if any(change not in (stored.changes if stored else []) for change in undecided(state, version_vector)):
            return False
        if (owed := _owed(state, version_vector)) and owed != (stored.inventory if stored else None):
            return False
    return True


def status_for(pod_replica: ContextReplicaSpec, decisions: ContextReplicaStatus) -> ContextReplicaStatus:
    """The part of a cluster replica's status that is about one pod's sites."""
    sites = {state.site for state in pod_replica.sites}
    return ContextReplicaStatus(
        decided=[decision for decision in decisions.decided if decision.site in sites],
        outcomes=[outcome for outcome in decisions.outcomes if outcome.dot.site in sites],
        inventory_wanted=[site for site in decisions.inventory_wanted if site in sites],
    )


def _owed(state: SiteState, version_vector: Mapping[str, str]) -> Inventory | None:
    """A site's inventory, while no revision has taken it in."""
    if state.inventory is None or dominates(version_vector, state.inventory.version_vector):
        return None
    return state.inventory


def _with_inventories_that_fit(sites: Mapping[str, SiteState]) -> dict[str, SiteState]:
    """The sites with as many inventories as one object can hold, those of the newest revisions first.

    A pod whose inventory is left out reports it until a revision has all of it: usually one from another pod suffices.
    """
    fitting: dict[str, SiteState] = dict(sites)
    size = 0
    for state in sorted(sites.values(), key=_precedence):
        if state.inventory is None:
            continue
        before, size = size, size + canonical.size(state.inventory.wire())
        if before and size > _INVENTORIES_BYTES:
            fitting[state.site] = state.model_copy(update={"inventory": None})
    return fitting


def _precedence(state: SiteState) -> tuple[int, int, str]:
    found = state.inventory
    return (-found.epoch, -found.version, state.site) if found else (0, 0, state.site)


def _sites(place: MemberContext, replicas: Iterable[ContextReplicaSpec]) -> list[SiteState]:
    return [state for replica in replicas for state in replica.sites if place.owns(state.site)]


def _recency(state: SiteState) -> tuple[int, str, str]:
    """Order of two states of one site, which exist only if a replica was copied: the digest makes it total."""
    return (
        state.applied_version,
        clock.latest(change.dot.hlc for change in state.changes),
        canonical.digest(state.wire()),
    )
