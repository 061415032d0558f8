"""Inventory: what a site has applied, as far as it can still show it: a control plane that lost it takes it back."""

from api.context_replica import Inventory
from api.context_revision import RevisionItem
from core.site.detect import Present
from core.site.journal import Journal


def inventory(journal: Journal, present: Present) -> Inventory | None:
    """What the site holds of its base; None before the first revision.

    An item that the site has changed since it was set is left out: the change has seen it. So is one that cannot be
    read, and one that no revision has given. Of a local item, the revision's content is handed over, never the own one.

    Args:
        journal: after `detect` of the same `present`.
        present: what the context directory holds.
    """
    base = journal.base
    if base.chain_digest is None:
        return None
    held = [item for name in journal.held if (item := _held(journal, present, name))]
    items = {item.name: item for item in held} | journal.waiting
    return Inventory(
        epoch=base.epoch,
        version=base.version,
        chain_digest=base.chain_digest,
        version_vector=base.version_vector,
        items=[items[name] for name in sorted(items)],
    )


def _held(journal: Journal, present: Present, name: str) -> RevisionItem | None:
    held = journal.held[name]
    if held.dot is None or name in journal.pending or name in present.unreadable or journal.is_local(name):
        return None
    if present.digests.get(name) != held.digest:
        return None
    if held.digest is None:
        return RevisionItem(name=name, deleted=True, dot=held.dot)
    return RevisionItem(name=name, digest=held.digest, content=present.contents[name], dot=held.dot)
