"""Caches of the member's own API server, by context."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from api.context_replica import SiteState
from api.mcp_context import MCPContext
from api.names import SERVER_LABEL
from controllers.context.pod_replica import PodReplica, read_pod_replica
from core.member.collect import MemberContext
from kube.client import Api
from kube.kinds import CONTEXT_REPLICA, DEPLOYMENT, MCP_CONTEXT, STATEFUL_SET, Object, ObjectKey
from kube.reflector import Reflector

_log = structlog.get_logger(__name__)


class MemberCaches:
    """Follows the contexts, the pods' replicas and the MCP servers of a cluster; keys are those of contexts."""

    def __init__(self, api: Api, cluster: str) -> None:
        self.api = api
        self.cluster = cluster
        self.contexts = Reflector(api, MCP_CONTEXT)
        self.replicas = Reflector(api, CONTEXT_REPLICA)
        self._servers = [Reflector(api, kind, label_selector=SERVER_LABEL) for kind in (DEPLOYMENT, STATEFUL_SET)]
        self._replicas_of: dict[ObjectKey, set[ObjectKey]] = {}
        self._contexts_of: dict[ObjectKey, set[ObjectKey]] = {}
        """Contexts by the namespace and name of their server."""
        self._subscribers: list[Callable[[ObjectKey], None]] = []
        self.contexts.subscribe(self._on_context)
        self.replicas.subscribe(self._on_replica)
        for servers in self._servers:
            servers.subscribe(self._on_server)

    @property
    def reflectors(self) -> list[Reflector]:
        """What must run."""
        return [self.contexts, self.replicas, *self._servers]

    @property
    def is_synced(self) -> bool:
        """Whether everything has been read once: nothing may be decided before."""
        return all(reflector.synced.is_set() for reflector in self.reflectors)

    async def synced(self) -> None:
        """Waits until everything has been read once."""
        await asyncio.gather(*(reflector.synced.wait() for reflector in self.reflectors))

    def subscribe(self, subscriber: Callable[[ObjectKey], None]) -> None:
        """Calls `subscriber` for each context that has changed, or that something of has."""
        self._subscribers.append(subscriber)

    def context_keys(self) -> set[ObjectKey]:
        """Every context that there is, or that a pod reports on."""
        return {*self.contexts.cache, *self._replicas_of}

    def member_context(self, key: ObjectKey) -> MemberContext:
        """A context in this member."""
        return MemberContext(self.cluster, key.namespace, key.name)

    def context(self, key: ObjectKey) -> MCPContext | None:
        """The context without its items, or None if it is not placed here.

        Raises:
            pydantic.ValidationError: the object is not of this version of the API.
        """
        raw = self.contexts.cache.get(key)
        return MCPContext.parse(_without_items(raw)) if raw is not None else None

    def pod_replicas(self, key: ObjectKey) -> list[PodReplica]:
        """The replicas of a context's pods; of deleted pods too, until they are released."""
        keys = sorted(self._replicas_of.get(key, ()))
        return [read for each in keys if (read := read_pod_replica(each, self.replicas.cache[each]))]

    def live_sites(self, key: ObjectKey) -> list[SiteState]:
        """What the pods that are not deleted hold."""
        owns = self.member_context(key).owns
        live = (pod.replica.spec.sites for pod in self.pod_replicas(key) if not pod.is_deleted)
        return [state for sites in live for state in sites if owns(state.site)]

    def server_exists(self, context: MCPContext) -> bool:
        """Whether the workload that serves the context is there."""
        key = ObjectKey(context.metadata.namespace, context.spec.mcp_server_name)
        return any(key in servers.cache for servers in self._servers)

    def _on_context(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        _reindex(self._contexts_of, key, _server_of(old), _server_of(new))
        self._notify(key)

    def _on_replica(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        before, after = _context_of(old), _context_of(new)
        _reindex(self._replicas_of, key, before, after)
        if before is not None and before != after:
            self._notify(before)
        if new is not None and after is not None:
            self._warn_of_foreign(key, new, self.member_context(after))
            self._notify(after)

    def _on_server(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        # Only coming and going counts: a Deployment's status changes all the time.
        if old is None or new is None:
            for context in self._contexts_of.get(key, ()):
                self._notify(context)

    def _warn_of_foreign(self, key: ObjectKey, replica: Object, context: MemberContext) -> None:
        foreign = [one["site"] for one in replica["spec"].get("sites") or () if not context.owns(one["site"])]
        if foreign:
            _log.warning("sites of another cluster ignored", replica=str(key), cluster=self.cluster, sites=foreign)

    def _notify(self, key: ObjectKey) -> None:
        for subscriber in self._subscribers:
            subscriber(key)


def _server_of(context: Object | None) -> ObjectKey | None:
    return ObjectKey(context["metadata"]["namespace"], context["spec"]["mcpServerName"]) if context else None


def _context_of(replica: Object | None) -> ObjectKey | None:
    return ObjectKey(replica["metadata"]["namespace"], replica["spec"]["context"]) if replica else None


def _reindex(
    index: dict[ObjectKey, set[ObjectKey]], member: ObjectKey, old: ObjectKey | None, new: ObjectKey | None
) -> None:
    if old is not None and old != new:
        index[old].discard(member)
        if not index[old]:
            del index[old]
    if new is not None:
        index.setdefault(new, set()).add(member)


def _without_items(context: Object) -> Object:
    """Items play no part here, and to read a thousand of them costs more than all the rest."""
    spec: dict[str, Any] = context["spec"]
    return {**context, "spec": {k: v for k, v in spec.items() if k not in ("contextPayload", "tombstones")}}
