"""Rollback: what must change so that the next revision holds the content of an older one. Versions never go back."""

from fnmatch import fnmatchcase

from api.context_revision import ContextRevisionSpec
from api.item import ItemContent
from core.inspection.difference import differences, live


def rollback(
    head: ContextRevisionSpec, target: ContextRevisionSpec, pattern: str = "*"
) -> dict[str, ItemContent | None]:
    """The items that differ, with the content of the older revision; None deletes one that it did not have.

    Args:
        head: the newest revision.
        target: the revision to return to; `verify` finds nothing wrong with it, so each live item has content.
        pattern: only items whose name matches (shell style).
    """
    return {
        difference.item: difference.after
        for difference in differences(live(head), live(target))
        if fnmatchcase(difference.item, pattern)
    }
