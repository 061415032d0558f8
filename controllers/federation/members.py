"""Prepares registered clusters: rights on the control plane, a short-lived credential, a name, then the ready label."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from api.names import FEDERATION_MANAGER, READY_LABEL, SYSTEM_NAMESPACE, member_credential, member_namespace
from controllers.federation.observation import ControlPlane
from core.hub import membership
from core.hub.project import covers
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
    Kind,
    Object,
    ObjectKey,
)

_log = structlog.get_logger(__name__)

_TOKEN_SECONDS = 3600
_RENEW_AT = 0.7
"""Share of a token's life after which it is renewed: the rest is time to get it to a member that is away."""

_KINDS = {kind.name: kind for kind in (NAMESPACE, SERVICE_ACCOUNT, ROLE, ROLE_BINDING)}


class MemberReconciler:
    """Reconciles Clusters.

    Args:
        plane: the control plane.
        endpoint: URL under which members reach it.
        authority: PEM of the CA that signed its certificate.
        now: wall clock.
    """

    def __init__(self, plane: ControlPlane, endpoint: str, authority: bytes, now: Callable[[], datetime]) -> None:
        self._plane = plane
        self._endpoint = endpoint
        self._authority = authority
        self._now = now

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings one cluster to rest. A cluster becomes ready last: what is placed by that label finds all in place."""
        cluster = self._plane.clusters.cache.get(key)
        if cluster is None or cluster["metadata"].get("deletionTimestamp"):
            await self._remove(key.name)
            return Done()
        owner = await self._owner()
        for obj in membership.member_objects(key.name, owner):
            await self._ensure(_KINDS[obj["kind"]], obj)
        renew_in = await self._ensure_credential(key.name)
        await self._ensure(CLUSTER_OVERRIDE_POLICY, membership.identity_policy(self._plane.labels(), owner))
        await self._label(cluster)
        return RequeueAfter(renew_in)

    async def _owner(self) -> Object:
        namespace = await self._plane.api.get(NAMESPACE, None, SYSTEM_NAMESPACE)
        if namespace is None:
            raise Waiting("NoNamespace", f"namespace {SYSTEM_NAMESPACE} is missing on the control plane", after=5)
        return membership.owned_by(namespace["metadata"]["uid"])

    async def _ensure(self, kind: Kind, desired: Object) -> None:
        key = ObjectKey.of(desired)
        present = await self._plane.api.get(kind, key.namespace, key.name)
        if present is None or not covers(present, desired):
            await self._plane.api.apply(kind, desired, FEDERATION_MANAGER, force=True)

    async def _ensure_credential(self, cluster: str) -> float:
        """Renews the credential if it is due. Returns the seconds until it will be."""
        name = member_credential(cluster)
        secret = await self._plane.api.get(SECRET, SYSTEM_NAMESPACE, name)
        annotations: Mapping[str, str] = (secret or {"metadata": {}})["metadata"].get("annotations", {})
        renew_after = annotations.get(membership.EXPIRY_ANNOTATION)
        due = datetime.fromisoformat(renew_after) if renew_after else self._now()
        if secret is None or self._now() >= due or not self._is_current(secret):
            due = self._now() + timedelta(seconds=_TOKEN_SECONDS * _RENEW_AT)
            data = await self._issue(cluster)
            await self._plane.api.apply(
                SECRET, membership.credential_secret(cluster, data, due.isoformat()), FEDERATION_MANAGER, force=True
            )
            _log.info("credential issued", cluster=cluster, renew_after=due.isoformat())
        await self._ensure(PROPAGATION_POLICY, membership.credential_policy(cluster))
        return max((due - self._now()).total_seconds(), 1.0)

    def _is_current(self, secret: Object) -> bool:
        data = secret.get("data", {})
        return data.get("server") == _encoded(self._endpoint) and data.get("ca.crt") == _encoded(self._authority)

    async def _issue(self, cluster: str) -> dict[str, str]:
        path = SERVICE_ACCOUNT.path(member_namespace(cluster), membership.SERVICE_ACCOUNT, "token")
        answer = await self._plane.api.request(
            "POST",
            path,
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": _TOKEN_SECONDS},
            },
        )
        token: str = answer["status"]["token"]
        return {"server": _encoded(self._endpoint), "ca.crt": _encoded(self._authority), "token": _encoded(token)}

    async def _label(self, cluster: Object) -> None:
        labels = cluster["metadata"].get("labels", {})
        if labels.get(READY_LABEL) == "true" or not membership.serves_contexts(cluster):
            return
        name = cluster["metadata"]["name"]
        patch = {"metadata": {"labels": {READY_LABEL: "true"}}}
        await self._plane.api.patch(CLUSTER, None, name, patch, field_manager=FEDERATION_MANAGER)
        _log.info("member ready", cluster=name)

    async def _remove(self, cluster: str) -> None:
        """Takes back all that a cluster was given."""
        name = member_credential(cluster)
        if not await self._plane.api.delete(SECRET, SYSTEM_NAMESPACE, name):
            return
        await self._plane.api.delete(PROPAGATION_POLICY, SYSTEM_NAMESPACE, name)
        await self._plane.api.delete(NAMESPACE, None, member_namespace(cluster))
        identities = membership.identity_policy(self._plane.labels(), await self._owner())
        await self._ensure(CLUSTER_OVERRIDE_POLICY, identities)
        _log.info("member removed", cluster=cluster)


def _encoded(value: str | bytes) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
