"""The brake on mass deletion: many items that vanish at once are rather a mistake until a person confirms it."""

from collections.abc import Set

from core.site.detect import Present
from core.site.journal import Journal

_EMPTIED_LIMIT = 2
"""So many items that vanish at once, leaving none, are an unmounted or emptied volume rather than deletions."""
_MASS_LIMIT = 2
"""More items than this, and more than half of all, that vanish at once are rather a mistake."""


def mass_deletion(journal: Journal, present: Present) -> list[str]:
    """The items that vanished at once, if they are so many that a person must confirm it; otherwise none.

    Deletions that are not decided yet count with new ones: of one sweep, a part may have been seen before. Local items
    do not count: their deletion is nobody else's.
    """
    known = _shared(journal, {*journal.held, *journal.pending})
    there = {name for name in known if journal.expected(name) or (name in journal.held and journal.held[name].digest)}
    left = _shared(journal, {*present.digests, *present.unreadable})
    vanished = sorted(there - left)
    is_emptied = not left and len(vanished) >= _EMPTIED_LIMIT
    is_most = len(vanished) > max(_MASS_LIMIT, len(there) / 2)
    is_new = any(journal.expected(name) for name in vanished)
    return vanished if is_new and (is_emptied or is_most) else []


def _shared(journal: Journal, names: Set[str]) -> set[str]:
    return {name for name in names if not journal.is_local(name)}
