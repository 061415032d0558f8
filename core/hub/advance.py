"""advance: the next revision of a context from its declaration and all that sites hold and propose.

One step of the control plane: recover what the store has lost, else merge what is new, within the size of a payload.
"""

from collections.abc import Sequence
from dataclasses import replace

from api.context_replica import Change, ContextReplicaSpec, SiteState
from api.context_revision import ContextRevisionSpec, Declared
from api.federated_context import FederatedContext, FederatedContextSpec
from api.names import INLINE_LIMIT_BYTES
from core.hub import commit, compact
from core.hub.declare import declare
from core.hub.merge import Merge, Merger, merge
from core.hub.recover import is_retained, may_be_merged, recover
from core.values import version_vector

Revisions = Sequence[ContextRevisionSpec]
"""Retained revisions, oldest first; the last is the head."""


def advance(
    context: FederatedContext, sites: Sequence[SiteState], history: Revisions, merger: Merger
) -> ContextRevisionSpec | None:
    """The revision to commit next, or None if nothing is new."""
    return _recovered(context, sites, history, merger) or _merged(context, sites, history, merger)


def held_back(history: Revisions, replica: ContextReplicaSpec) -> tuple[str, ...]:
    """Items of a member whose changes are still undecided after `advance`: they do not fit into the payload."""
    vector = history[-1].version_vector if history else {}
    changes = [change for site in replica.sites if may_be_merged(history, site) for change in site.changes]
    return tuple(sorted({change.item for change in changes if not version_vector.includes(vector, change.dot)}))


def undeclared(context: FederatedContext, history: Revisions, merger: Merger) -> tuple[str, ...]:
    """Declared items that the head has still not taken in after `advance`: they do not fit into the payload."""
    head = history[-1] if history else None
    changes = declare(head, context.spec.context_payload, context.metadata.generation, merger).changes
    return tuple(change.item for change in changes)


def _recovered(
    context: FederatedContext, sites: Sequence[SiteState], history: Revisions, merger: Merger
) -> ContextRevisionSpec | None:
    """The revision that takes back what a member still holds and the store has lost."""
    head = history[-1] if history else None
    for site in sites:
        if site.inventory is None or is_retained(history, site.base_digest):
            continue
        recovery = recover(history, site.inventory, site.changes, context.spec, merger)
        if recovery is not None:
            state = _compacted(recovery.merged, sites, merger)
            declared = head.declared if head else Declared()
            name, now = context.metadata.name, merger.now_millis
            return commit.next_revision(name, head, state, declared, now, recovery.number)
    return None


def _merged(
    context: FederatedContext, sites: Sequence[SiteState], history: Revisions, merger: Merger
) -> ContextRevisionSpec | None:
    """The revision with the declaration's changes and the sites'.

    Changes that stand on a revision which the store should have and lacks are left for their site's inventory.
    """
    head = history[-1] if history else None
    declaration = declare(head, context.spec.context_payload, context.metadata.generation, merger)
    proposals = [list(declaration.changes), *(site.changes for site in sites if may_be_merged(history, site))]
    state = _within_limit(history, proposals, context.spec, merger)
    if state is None and head is not None:
        return None
    state = _compacted(state or Merge.after(None), sites, merger)
    taken = all(version_vector.includes(state.vector, change.dot) for change in declaration.changes)
    declared = declaration.declared if taken else head.declared if head else Declared()
    return commit.next_revision(context.metadata.name, head, state, declared, merger.now_millis)


def _compacted(state: Merge, sites: Sequence[SiteState], merger: Merger) -> Merge:
    """The state without what a revision need not carry for ever."""
    now, known = merger.now_millis, merger.recently_seen.union(site.site for site in sites)
    vector = compact.without_gone_sites(state.vector, known, now)
    return replace(state, vector=vector, items=compact.without_old_tombstones(state.items, now))


def _within_limit(
    history: Revisions, proposals: Sequence[list[Change]], spec: FederatedContextSpec, merger: Merger
) -> Merge | None:
    """Takes in as many proposals, in their order, as fit into a payload; the others stay undecided at their sites."""
    state = merge(history, [change for changes in proposals for change in changes], spec, merger)
    if state is None or state.size <= INLINE_LIMIT_BYTES:
        return state
    taken: list[Change] = []
    for changes in proposals:
        attempt = merge(history, [*taken, *changes], spec, merger)
        if attempt is not None and attempt.size <= INLINE_LIMIT_BYTES:
            taken += changes
    return merge(history, taken, spec, merger)
