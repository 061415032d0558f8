"""Which sites have been seen of late: in a replica that is gone since, or as the cause of a new revision."""

from collections.abc import Callable
from datetime import datetime, timedelta

from controllers.federation.replicas import sites_of
from kube.kinds import Object, ObjectKey
from kube.reflector import Reflector

RECENTLY = timedelta(hours=1)
"""Longer than any cache is behind."""


class RecentSites:
    """An index over the reflectors of ContextReplicas and ContextRevisions."""

    def __init__(self, replicas: Reflector, revisions: Reflector, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last_seen: dict[str, datetime] = {}
        """By site: when replicas ceased to report on it, or a revision named it as a cause."""
        replicas.subscribe(self._on_replica)
        revisions.subscribe(self._on_revision)

    def at(self, now: datetime) -> frozenset[str]:
        """The sites seen within RECENTLY before `now`: the caches of other instances may still lack or hold them."""
        self._last_seen = {site: at for site, at in self._last_seen.items() if now - at < RECENTLY}
        return frozenset(self._last_seen)

    def _on_replica(self, _key: ObjectKey, old: Object | None, new: Object | None) -> None:
        self._last_seen |= dict.fromkeys(sites_of(old) - sites_of(new), self._now())

    def _on_revision(self, _key: ObjectKey, _old: Object | None, new: Object | None) -> None:
        causes: list[Object] = new["spec"].get("cause", []) if new else []
        self._last_seen |= dict.fromkeys((cause["site"] for cause in causes), self._now())
