"""Site state: what a site reports to the control plane about a context, made of its journal and its directory."""

from typing import Final

from api.context_replica import Change, Inventory, Problem, SiteState
from core.site.detect import Present
from core.site.journal import Journal
from core.values import canonical
from core.values.local_items import comparable

PUBLISHED_BYTES: Final = 1024 * 1024
"""Bytes of inventory and changes, as canonical JSON, in one state at most: etcd stores 1.5 MiB per object."""
_CHANGES_LIMIT = 1000
_PROBLEMS_LIMIT = 20


def site_state(
    journal: Journal, pod: str, present: Present, problems: list[Problem], inventory: Inventory | None = None
) -> SiteState:
    """Everything that is undecided, whatever was reported before.

    Args:
        journal: the site's journal.
        pod: name of the pod.
        present: what the context directory holds.
        problems: what a person must look at; the first 20 are reported.
        inventory: what a control plane that has lost revisions is to take back.
    """
    return SiteState(
        site=journal.site,
        pod=pod,
        base_version=journal.base.version,
        base_digest=journal.base.chain_digest,
        applied_version=journal.base.version,
        digest=_digest(journal, present),
        changes=_publishable(journal, canonical.size(inventory.wire()) if inventory else 0),
        problems=problems[:_PROBLEMS_LIMIT],
        inventory=inventory,
    )


def _digest(journal: Journal, present: Present) -> str:
    """Digest of the payload held; an unreadable item counts as it was last readable, for so it is served."""
    unreadable = {name: digest for name in present.unreadable if (digest := journal.expected(name))}
    held = {**unreadable, **present.digests}
    return canonical.payload_digest(comparable(held, journal.base.local_items, journal.seeds))


def _publishable(journal: Journal, size: int) -> list[Change]:
    """The undecided changes, oldest first; what exceeds the limits waits until earlier ones are decided.

    Args:
        journal: the site's journal.
        size: bytes of what else is reported.
    """
    vector = journal.base.version_vector
    undecided = [change for item, change in journal.pending.items() if journal.is_undecided(item, vector)]
    chosen: list[Change] = []
    for change in sorted(undecided, key=lambda change: change.dot.order)[:_CHANGES_LIMIT]:
        size += canonical.size(change.wire())
        if chosen and size > PUBLISHED_BYTES:
            break
        chosen.append(change)
    return chosen
