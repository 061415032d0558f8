"""Caches of all control plane objects that the reconcilers read, and what they show of one context or member."""

from collections.abc import Mapping
from datetime import datetime

import structlog

from api.names import (
    CONTEXT_LABEL,
    MEMBER_HEARTBEAT,
    READY_LABEL,
    STALE_AFTER_SECONDS,
    cluster_replica_name,
    member_namespace,
    revision_name,
)
from controllers.federation.bindings import binding_key, failures
from controllers.federation.recent_sites import RecentSites
from controllers.federation.replicas import Replica, context_key, read_replica
from controllers.federation.revision_log import RevisionLog
from controllers.wall_clock import utc_now
from core.hub.cluster_state import MemberView
from kube.client import Api
from kube.kinds import (
    CLUSTER,
    CONTEXT_REPLICA,
    CONTEXT_REVISION,
    FEDERATED_CONTEXT,
    LEASE,
    MCP_CONTEXT,
    PROPAGATION_POLICY,
    RESOURCE_BINDING,
    Object,
    ObjectKey,
)
from kube.reflector import Reflector

_log = structlog.get_logger(__name__)


class ControlPlaneCaches:
    """Reflectors of all that the reconcilers read, and the client that feeds them."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.contexts = Reflector(api, FEDERATED_CONTEXT)
        self.revisions = Reflector(api, CONTEXT_REVISION)
        self.replicas = Reflector(api, CONTEXT_REPLICA)
        self.mcp_contexts = Reflector(api, MCP_CONTEXT, label_selector=CONTEXT_LABEL)
        self.policies = Reflector(api, PROPAGATION_POLICY, label_selector=CONTEXT_LABEL)
        self.clusters = Reflector(api, CLUSTER)
        self.heartbeats = Reflector(api, LEASE, field_selector=f"metadata.name={MEMBER_HEARTBEAT}")
        self.bindings = Reflector(api, RESOURCE_BINDING)
        self.log = RevisionLog(self.revisions)
        self.recent_sites = RecentSites(self.replicas, self.revisions, utc_now)
        self._proposals: dict[ObjectKey, frozenset[ObjectKey]] = {}
        """By context: replicas in its own namespace, which are people's."""
        self.replicas.subscribe(self._on_replica)
        self.held_back: dict[ObjectKey, Mapping[str, tuple[str, ...]]] = {}
        """By context and cluster: items whose changes the last commit left undecided."""

    @property
    def reflectors(self) -> tuple[Reflector, ...]:
        """All of them, to be run."""
        return (
            self.contexts,
            self.revisions,
            self.replicas,
            self.mcp_contexts,
            self.policies,
            self.clusters,
            self.heartbeats,
            self.bindings,
        )

    async def stored_revisions(self, context: ObjectKey) -> list[Object]:
        """The revisions of a context that the store itself has, whatever the caches show."""
        return await self.api.list(CONTEXT_REVISION, context.namespace, f"{CONTEXT_LABEL}={context.name}")

    async def is_stored(self, context: ObjectKey, version: int, chain_digest: str | None) -> bool:
        """Whether the store itself has this very revision, whatever the caches show."""
        name = revision_name(context.name, version)
        stored = await self.api.get(CONTEXT_REVISION, context.namespace, name)
        return stored is not None and stored["spec"]["chainDigest"] == chain_digest

    def labels(self) -> dict[str, Mapping[str, str]]:
        """The labels of each registered cluster, by its name."""
        return {key.name: obj["metadata"].get("labels", {}) for key, obj in self.clusters.cache.items()}

    def replica(self, cluster: str, context: ObjectKey) -> Replica | None:
        """What a cluster has reported of a context; None too if it cannot be read or names sites of others."""
        key = ObjectKey(member_namespace(cluster), cluster_replica_name(context.namespace, context.name))
        raw = self.replicas.cache.get(key)
        replica = read_replica(key, raw) if raw else None
        if replica is None or replica.is_confined_to(cluster):
            return replica
        _log.warning("replica ignored", replica=str(key), reason=f"a site is not in cluster {cluster}")
        return None

    def operators(self, context: ObjectKey) -> list[Replica]:
        """What people propose for a context: replicas in its own namespace, of sites of the kind operator."""
        found = [(key, self.replicas.cache[key]) for key in sorted(self._proposals.get(context, ()))]
        replicas = [read for key, raw in found if (read := read_replica(key, raw))]
        return [replica for replica in replicas if replica.is_operators]

    def is_stale(self, cluster: str, now: datetime) -> bool:
        """Whether a member that once reported has been silent for long."""
        lease = self.heartbeats.cache.get(ObjectKey(member_namespace(cluster), MEMBER_HEARTBEAT))
        renewed: str | None = lease["spec"].get("renewTime") if lease else None
        return renewed is not None and (now - datetime.fromisoformat(renewed)).total_seconds() > STALE_AFTER_SECONDS

    def view(self, cluster: str, context: ObjectKey, now: datetime) -> MemberView:
        """What is known of one cluster that a context is placed on."""
        labels = self.labels().get(cluster)
        replica = self.replica(cluster, context)
        return MemberView(
            cluster=cluster,
            registered=labels is not None,
            prepared=labels is not None and labels.get(READY_LABEL) == "true",
            stale=self.is_stale(cluster, now),
            replica=replica.parsed.spec if replica else None,
            propagation_error=failures(self.bindings.cache.get(binding_key(context))).get(cluster, ""),
        )

    def _on_replica(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        context = context_key(new or old or {})
        if key.namespace == context.namespace:
            keys = self._proposals.pop(context, frozenset[ObjectKey]()) - {key} | ({key} if new else set[ObjectKey]())
            self._proposals |= {context: keys} if keys else {}
