"""compact: what a revision need not carry on for ever: deleted items, and sites that are gone for good."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from api.context_revision import RevisionItem
from core.values import clock
from core.values.version_vector import RETIRED

KEPT_FOR: Final = timedelta(days=7)
"""How long they are carried at least. A control plane that is restored from a backup no older than this can still
distinguish the changes that it lacks from those that it had."""
TOMBSTONES_LIMIT: Final = 500
"""So many deleted items are carried; of more, the latest."""

_KEPT_FOR_MILLIS = KEPT_FOR // timedelta(milliseconds=1)


def without_gone_sites(vector: dict[str, str], sites: Iterable[str], now_millis: int) -> dict[str, str]:
    """The version vector without the sites that made no change for long and that nobody names any more.

    One entry stands for all of them. A site that is named keeps its own: it may still propose again what was decided.

    Args:
        vector: a version vector.
        sites: those that replicas name, or that were seen recently.
        now_millis: the wall clock.
    """
    named, horizon = frozenset(sites), _horizon(now_millis)
    gone = {site: hlc for site, hlc in vector.items() if hlc < horizon and site not in named}
    if not gone.keys() - {RETIRED}:
        return vector
    return {RETIRED: max(gone.values()), **{site: hlc for site, hlc in vector.items() if site not in gone}}


def without_old_tombstones(items: dict[str, RevisionItem], now_millis: int) -> dict[str, RevisionItem]:
    """The items without what was deleted long ago.

    From a tombstone, a site that begins with files of unknown origin learns that an item is older than its deletion.
    Whoever holds the item as some revision had it needs none.
    """
    horizon = _horizon(now_millis)
    tombstones = sorted((item for item in items.values() if item.deleted), key=lambda item: item.dot.order)
    dropped = {item.name for item in tombstones if item.dot.hlc < horizon}
    dropped |= {item.name for item in tombstones[:-TOMBSTONES_LIMIT]}
    return {name: item for name, item in items.items() if name not in dropped} if dropped else items


def _horizon(now_millis: int) -> str:
    return clock.encode(max(now_millis - _KEPT_FOR_MILLIS, 0))
