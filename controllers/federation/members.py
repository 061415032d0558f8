"""Reconciles Clusters: a registered member gets rights on the control plane, a credential and a name, then is ready."""

import structlog

from api.names import FEDERATION_MANAGER, READY_LABEL, SYSTEM_NAMESPACE, member_credential, member_namespace
from controllers.federation.caches import ControlPlaneCaches
from controllers.federation.ensure import ensure
from controllers.federation.member_tokens import MemberTokens
from core.hub import membership
from kube.controller import Done, RequeueAfter, Result, Waiting
from kube.kinds import (
    CLUSTER,
    CLUSTER_OVERRIDE_POLICY,
    NAMESPACE,
    PROPAGATION_POLICY,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    Object,
    ObjectKey,
)

_log = structlog.get_logger(__name__)

_KINDS = {kind.name: kind for kind in (NAMESPACE, SERVICE_ACCOUNT, ROLE, ROLE_BINDING)}


class MemberReconciler:
    """Prepares members, and takes back what a removed one was given."""

    def __init__(self, caches: ControlPlaneCaches, tokens: MemberTokens) -> None:
        self._caches = caches
        self._api = caches.api
        self._tokens = tokens

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings one cluster to rest. A cluster becomes ready last: what is placed by that label finds all in place."""
        cluster = self._caches.clusters.cache.get(key)
        if cluster is None or cluster["metadata"].get("deletionTimestamp"):
            await self._remove(key.name)
            return Done()
        owner = await self._owner()
        for obj in membership.member_objects(key.name, owner):
            await ensure(self._api, _KINDS[obj["kind"]], obj)
        renew_in = await self._tokens.ensure(key.name)
        await ensure(self._api, CLUSTER_OVERRIDE_POLICY, membership.identity_policy(self._caches.labels(), owner))
        await self._label(cluster)
        return RequeueAfter(renew_in)

    async def _owner(self) -> Object:
        namespace = await self._api.get(NAMESPACE, None, SYSTEM_NAMESPACE)
        if namespace is None:
            raise Waiting("NoNamespace", f"namespace {SYSTEM_NAMESPACE} is missing on the control plane", after=5)
        return membership.owned_by(namespace["metadata"]["uid"])

    async def _label(self, cluster: Object) -> None:
        labels = cluster["metadata"].get("labels", {})
        if labels.get(READY_LABEL) == "true" or not membership.serves_contexts(cluster):
            return
        name = cluster["metadata"]["name"]
        patch = {"metadata": {"labels": {READY_LABEL: "true"}}}
        await self._api.patch(CLUSTER, None, name, patch, field_manager=FEDERATION_MANAGER)
        _log.info("member ready", cluster=name)

    async def _remove(self, cluster: str) -> None:
        """Takes back all that a cluster was given."""
        name = member_credential(cluster)
        if not await self._api.delete(SECRET, SYSTEM_NAMESPACE, name):
            return
        await self._api.delete(PROPAGATION_POLICY, SYSTEM_NAMESPACE, name)
        await self._api.delete(NAMESPACE, None, member_namespace(cluster))
        identities = membership.identity_policy(self._caches.labels(), await self._owner())
        await ensure(self._api, CLUSTER_OVERRIDE_POLICY, identities)
        _log.info("member removed", cluster=cluster)
