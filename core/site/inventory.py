"""Inventory: what a site still has of the revision it applied, for a control plane that has lost that revision."""

from api.context_replica import Inventory
from api.context_revision import RevisionItem
from core.site.detect import Present
from core.site.journal import Journal


def inventory(journal: Journal, present: Present) -> Inventory | None:
    """What the site holds of its base; None before the first revision.

    Left out are: an item with a pending change, which is proposed anyway and has seen what it replaced; one that cannot
    be read; one that came from no revision. Of a local item it has the revision's content, never the site's own.

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
