"""recover: a control plane that was restored from an older backup takes back what members still hold.

A restored store lacks revisions that members have applied, and may go on to commit others under the same numbers. It is
noticed from both sides: a member refuses a revision that does not include all that it has applied and hands over an
inventory; the control plane does not merge changes that stand on a revision it should know and does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.context_replica import Change, Inventory, SiteState
from api.context_revision import ContextRevisionSpec, RevisionItem
from api.dot import Dot
from api.federated_context import FederatedContextSpec
from core.hub.decide import is_fast_forward
from core.hub.merge import Merge, Merger, refused, revised_item, settle_concurrent
from core.values import version_vector


@dataclass(frozen=True)
class Recovery:
    """A state with everything that either side had, and the number of its revision: in a new epoch, past both."""

    merged: Merge
    number: tuple[int, int]


def is_retained(history: Sequence[ContextRevisionSpec], digest: str | None) -> bool:
    """Whether the revision of a chainDigest is among the retained ones; None, no revision, always is."""
    return digest is None or any(revision.chain_digest == digest for revision in history)


def may_be_merged(history: Sequence[ContextRevisionSpec], state: SiteState) -> bool:
    """Whether the changes of a site need not wait for an inventory of what the store may have lost.

    They stand on a retained revision, or on one older than all retained ones; or their pod is gone, and the inventory
    that it left, if it left one, is taken in.
    """
    if is_retained(history, state.base_digest):
        return True
    if not history:
        return False
    lost = state.inventory and not version_vector.dominates(history[-1].version_vector, state.inventory.version_vector)
    return state.base_version < history[0].version or not (state.pod or lost)


def recover(
    history: Sequence[ContextRevisionSpec],
    inventory: Inventory,
    changes: Sequence[Change],
    spec: FederatedContextSpec,
    merger: Merger,
) -> Recovery | None:
    """Takes in a member's inventory of revisions that the store has lost, and the changes that the site made on top.

    Both in one step: an item that the site has since changed is not in its inventory, and once the inventory is taken
    in, nothing would show any more that the change had seen what was lost.

    Returns:
        The state to commit, or None if the store has everything by now.
    """
    head = history[-1] if history else None
    state = Merge.after(head)
    seen = dict(state.vector)
    ahead = head is not None and (head.epoch, head.version) > (inventory.epoch, inventory.version)
    if ahead and version_vector.dominates(seen, inventory.version_vector):
        return None
    for item in sorted(inventory.items, key=lambda item: item.dot.order):
        _take_back(state, item, seen, inventory, spec, merger)
    state.vector = version_vector.least_upper_bound(state.vector, inventory.version_vector)
    for change in sorted(changes, key=lambda change: change.dot.order):
        if not version_vector.includes(state.vector, change.dot):
            _take_change(state, change, seen, inventory, spec, merger)
    epoch = max(head.epoch if head else 0, inventory.epoch) + 1
    version = max(head.version if head else 0, inventory.version) + 1
    return Recovery(state, (epoch, version))


def _take_change(
    state: Merge,
    change: Change,
    seen: dict[str, str],
    inventory: Inventory,
    spec: FederatedContextSpec,
    merger: Merger,
) -> None:
    held, revised, base = state.items.get(change.item), revised_item(change), change.base_dot
    state.vector[change.dot.site] = change.dot.hlc
    state.causes.setdefault(change.dot.site, []).append(change.item)
    if refused(state, revised, base, spec):
        return
    if held is None or held.digest == revised.digest or _had_seen(revised, base, held, seen, inventory):
        state.items[change.item] = revised
    else:
        settle_concurrent(state, held, revised, None, base, spec, merger)


def _had_seen(
    revised: RevisionItem, base: Dot | None, held: RevisionItem, seen: dict[str, str], inventory: Inventory
) -> bool:
    """Whether a change's writer had seen what we hold, or a lost item that had replaced it.

    No lost item had, if the site hands over the item as well: that is what its revision holds, and it came after what
    the change stands on.
    """
    if is_fast_forward(held, revised, base):
        return True
    if base is None or any(item.name == revised.name for item in inventory.items):
        return False
    there, here = inventory.version_vector, seen
    was_lost = version_vector.covers(there, base) and not version_vector.covers(here, base)
    return was_lost and version_vector.covers(there, held.dot) and version_vector.covers(here, held.dot)


def _take_back(
    state: Merge,
    item: RevisionItem,
    seen: dict[str, str],
    inventory: Inventory,
    spec: FederatedContextSpec,
    merger: Merger,
) -> None:
    held = state.items.get(item.name)
    if version_vector.covers(seen, item.dot):
        return  # our log has accounted for this change already
    state.causes.setdefault(item.dot.site, []).append(item.name)
    if held is None or held.digest == item.digest or version_vector.covers(inventory.version_vector, held.dot):
        state.items[item.name] = item  # the member's branch had seen what we hold
    else:
        settle_concurrent(state, held, item, None, None, spec, merger)
