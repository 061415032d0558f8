"""Which change brings which key to which reconciler, and the one trigger that is no change: a member's silence."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from api.names import HEARTBEAT_SECONDS
from controllers.federation.bindings import binding_key, bound_object, failures
from controllers.federation.caches import ControlPlaneCaches
from controllers.federation.replicas import context_key
from controllers.federation.revision_log import context_of
from kube.kinds import Object, ObjectKey
from kube.queue import KeyedQueue


class Triggers:
    """Feeds the queues of contexts and members from the caches."""

    def __init__(
        self, caches: ControlPlaneCaches, contexts: KeyedQueue[ObjectKey], members: KeyedQueue[ObjectKey]
    ) -> None:
        self._caches = caches
        self._contexts = contexts
        self._members = members

    def subscribe(self) -> None:
        """Brings in everything that is cached, and every change from now on."""
        caches = self._caches
        caches.contexts.subscribe(lambda key, old, new: self._contexts.add(key))
        for owned in (caches.revisions, caches.mcp_contexts, caches.policies):
            owned.subscribe(lambda key, old, new: self._contexts.add(context_of(new or old or {})))
        caches.replicas.subscribe(self._on_replica)
        caches.bindings.subscribe(self._on_binding)
        caches.clusters.subscribe(self._on_cluster)

    async def watch_silence(self, now: Callable[[], datetime]) -> None:
        """Brings in all contexts whenever a member has become stale or is so no more: silence has no event."""
        before: set[str] = set()
        while True:
            stale = {cluster for cluster in self._caches.labels() if self._caches.is_stale(cluster, now())}
            if stale != before:
                self._all_contexts()
            before = stale
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _all_contexts(self) -> None:
        for key in self._caches.contexts.cache:
            self._contexts.add(key)

    def _on_replica(self, _key: ObjectKey, old: Object | None, new: Object | None) -> None:
        if (old or {}).get("spec") != (new or {}).get("spec"):
            self._contexts.add(context_key(new or old or {}))

    def _on_binding(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        context = bound_object(new or old or {})
        if key == binding_key(context) and failures(old) != failures(new):
            self._contexts.add(context)

    def _on_cluster(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        # A Cluster's status is renewed every few seconds; only these parts matter here.
        if _facts(old) != _facts(new):
            self._members.add(key)
            self._all_contexts()


def _facts(cluster: Object | None) -> Any:
    if cluster is None:
        return None
    metadata = cluster["metadata"]
    enabled = cluster.get("status", {}).get("apiEnablements")
    return metadata.get("labels", {}), metadata.get("deletionTimestamp"), enabled
