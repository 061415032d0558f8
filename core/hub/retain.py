"""retain: which revisions of a context are kept, and for how long.

The limits are `spec.history` of the FederatedContext; `api.federated_context.HistoryLimits` has their defaults.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from api.context_replica import SiteState
from api.context_revision import ContextRevisionSpec
from api.federated_context import HistoryLimits


@dataclass(frozen=True)
class Expired:
    """What is no longer kept."""

    revisions: tuple[ContextRevisionSpec, ...]
    """Oldest first, which is the order in which to delete them: what is left is without a gap at any moment."""
    next_at: datetime | None
    """When the next one expires, if nothing is committed until then."""


def expired(
    revisions: Sequence[ContextRevisionSpec], sites: Iterable[SiteState], limits: HistoryLimits, now: datetime
) -> Expired:
    """The revisions beyond the limits, oldest first, as far as no undecided change has one as its base. The head stays.

    Args:
        revisions: all of the context, oldest first.
        sites: all that propose changes; what an undecided change stands on is needed to merge it.
        limits: how many are kept, and for how long after they were replaced.
        now: the wall clock, with a time zone.
    """
    needed = min((site.base_version for site in sites if site.changes), default=None)
    surplus = len(revisions) - limits.revisions
    found: list[ContextRevisionSpec] = []
    for index, (revision, successor) in enumerate(pairwise(revisions)):
        if needed is not None and revision.version >= needed:
            break
        expires = _expiry(successor, limits)
        if index >= surplus and (expires is None or expires > now):
            return Expired(tuple(found), expires)
        found.append(revision)
    return Expired(tuple(found), None)


def _expiry(successor: ContextRevisionSpec, limits: HistoryLimits) -> datetime | None:
    """When the revision expires that `successor` has replaced; None: its age does not matter."""
    if limits.days is None:
        return None
    return datetime.fromisoformat(successor.timestamp) + timedelta(days=limits.days)
