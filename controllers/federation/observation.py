"""What the federation controller knows: caches of the control plane's objects, and views on them for one context."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError

from api.context_replica import ContextReplica
from api.names import (
    CONTEXT_LABEL,
    MEMBER_HEARTBEAT,
    OPERATOR_SITE,
    READY_LABEL,
    STALE_AFTER_SECONDS,
    cluster_replica_name,
    member_namespace,
    revision_name,
)
from controllers.federation.revision_log import RevisionLog
from core.hub.cluster_state import MemberView
from core.hub.decide import kind_of
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


HEARD_OF_FOR = timedelta(hours=1)
"""Longer than any cache is behind."""


@dataclass(frozen=True)
class Replica:
    """A cluster's replica, as stored and as read."""

    key: ObjectKey
    parsed: ContextReplica

    @property
    def cluster(self) -> str:
        """The cluster that it is of; empty for a person's."""
        return self.parsed.spec.cluster or ""


class ControlPlane:
    """Reflectors of all that the reconcilers read."""

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
        self._last_seen: dict[str, datetime] = {}
        """By site: when replicas ceased, or a revision began, to tell of it."""
        self._proposals: dict[ObjectKey, frozenset[ObjectKey]] = {}
        """By context: replicas in its own namespace, which are people's."""
        self.replicas.subscribe(self._on_replica)
        self.revisions.subscribe(self._on_revision)
        self.held_back: dict[ObjectKey, Mapping[str, tuple[str, ...]]] = {}
        """By context and cluster: items whose changes the last commit could not take in."""

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

    def recently_seen(self, now: datetime) -> frozenset[str]:
        """Sites of which a replica told until lately, or a revision tells since lately: other caches may differ."""
        self._last_seen = {site: at for site, at in self._last_seen.items() if now - at < HEARD_OF_FOR}
        return frozenset(self._last_seen)

    def _on_replica(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        self._last_seen |= dict.fromkeys(_sites(old) - _sites(new), utc_now())
        context = context_key(new or old or {})
        if key.namespace == context.namespace:
            keys = self._proposals.pop(context, frozenset[ObjectKey]()) - {key} | ({key} if new else set[ObjectKey]())
            self._proposals |= {context: keys} if keys else {}

    def _on_revision(self, _key: ObjectKey, _old: Object | None, new: Object | None) -> None:
        causes: list[Object] = new["spec"].get("cause", []) if new else []
        self._last_seen |= dict.fromkeys((cause["site"] for cause in causes), utc_now())

    async def is_stored(self, context: ObjectKey, version: int, chain_digest: str | None) -> bool:
        """Whether the store itself has this very revision, whatever the caches show."""
        name = revision_name(context.name, version)
        stored = await self.api.get(CONTEXT_REVISION, context.namespace, name)
        return stored is not None and stored["spec"]["chainDigest"] == chain_digest

    def labels(self) -> dict[str, Mapping[str, str]]:
        """Registered clusters and their labels."""
        return {key.name: obj["metadata"].get("labels", {}) for key, obj in self.clusters.cache.items()}

    def replica(self, cluster: str, context: ObjectKey) -> Replica | None:
        """What a cluster has reported of a context; None too if it cannot be read or speaks for others."""
        key = ObjectKey(member_namespace(cluster), cluster_replica_name(context.namespace, context.name))
        raw = self.replicas.cache.get(key)
        replica = _read_replica(key, raw) if raw else None
        if replica is None or all(state.site.startswith(f"{cluster}/") for state in replica.parsed.spec.sites):
            return replica
        _log.warning("replica ignored", replica=str(key), reason=f"a site is not in cluster {cluster}")
        return None

    def operators(self, context: ObjectKey) -> list[Replica]:
        """What people propose for a context: replicas in its own namespace, of sites of the kind operator."""
        found = [(key, self.replicas.cache[key]) for key in sorted(self._proposals.get(context, ()))]
        replicas = [read for key, raw in found if (read := _read_replica(key, raw))]
        return [replica for replica in replicas if is_operators(replica.parsed)]

    def is_stale(self, cluster: str, now: datetime) -> bool:
        """Whether a member that once reported has been silent for long."""
        lease = self.heartbeats.cache.get(ObjectKey(member_namespace(cluster), MEMBER_HEARTBEAT))
        renewed: str | None = lease["spec"].get("renewTime") if lease else None
        return renewed is not None and (now - datetime.fromisoformat(renewed)).total_seconds() > STALE_AFTER_SECONDS

    def view(self, cluster: str, context: ObjectKey, now: datetime) -> MemberView:
        """What is known of one placed cluster."""
        labels = self.labels().get(cluster)
        replica = self.replica(cluster, context)
        return MemberView(
            cluster=cluster,
            registered=labels is not None,
            prepared=labels is not None and labels.get(READY_LABEL) == "true",
            stale=self.is_stale(cluster, now),
            replica=replica.parsed.spec if replica else None,
            propagation_error=self._propagation_error(cluster, context),
        )

    def _propagation_error(self, cluster: str, context: ObjectKey) -> str:
        binding = self.bindings.cache.get(binding_key(context))
        for item in (binding or {}).get("status", {}).get("aggregatedStatus", []):
            if item["clusterName"] == cluster and not item.get("applied"):
                return item.get("appliedMessage", "")
        return ""


def _sites(replica: Object | None) -> set[str]:
    return {state["site"] for state in (replica or {}).get("spec", {}).get("sites", [])}


def _read_replica(key: ObjectKey, raw: Object) -> Replica | None:
    try:
        return Replica(key, ContextReplica.parse(raw))
    except ValidationError as error:
        _log.warning("replica ignored", replica=str(key), problems=error.error_count())
        return None


def is_operators(replica: ContextReplica) -> bool:
    """Whether all its sites are people."""
    sites = replica.spec.sites
    return bool(sites) and all(kind_of(state.site) == OPERATOR_SITE for state in sites)


def binding_key(context: ObjectKey) -> ObjectKey:
    """The ResourceBinding that Karmada makes for a context's MCPContext."""
    return ObjectKey(context.namespace, f"{context.name}-mcpcontext")


def failures(binding: Object | None) -> Any:
    """The part of a ResourceBinding that matters here: where applying failed, and why."""
    items = (binding or {}).get("status", {}).get("aggregatedStatus", [])
    return [(item["clusterName"], item.get("appliedMessage")) for item in items if not item.get("applied")]


def context_key(replica: Object) -> ObjectKey:
    """Which context a cluster's replica reports on."""
    spec = replica.get("spec", {})
    return ObjectKey(spec.get("contextNamespace", ""), spec.get("context", ""))


def utc_now() -> datetime:
    """Wall clock."""
    return datetime.now(UTC)
