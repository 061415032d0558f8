"""The brake on mass deletion: many items that vanish at once count as a mistake until a person confirms them."""

from collections.abc import Set

from core.site.detect import Present
from core.site.journal import Journal

_EMPTIED_LIMIT = 2
"""If no item is left, and at least so many were there, the volume was probably unmounted or emptied."""
_MASS_LIMIT = 2
"""If more items than this vanish at once, and more than half of all, it is probably a mistake."""


def mass_deletion(journal: Journal, present: Present) -> list[str]:
    """The items that vanished at once, if they are so many that a person must confirm it; otherwise none.

    Undecided deletions count with new ones, because one sweep may be seen in parts. Local items do not count, because
    their deletion is not published.
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
