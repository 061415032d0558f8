"""Issues and renews each member's token, and delivers it as a credential: a Secret that Karmada propagates."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from api.names import FEDERATION_MANAGER, SYSTEM_NAMESPACE, member_credential, member_namespace
from controllers.federation.ensure import ensure
from core.hub import membership, propagation
from kube.client import Api
from kube.kinds import PROPAGATION_POLICY, SECRET, SERVICE_ACCOUNT, Object

_log = structlog.get_logger(__name__)

_TOKEN_SECONDS = 3600
_RENEW_AT = 0.7
"""Share of a token's life after which it is renewed: the rest is time to get it to a member that is away."""


class MemberTokens:
    """Keeps the members' credentials valid.

    Args:
        api: the control plane.
        endpoint: URL under which members reach it.
        authority: PEM of the CA that signed its certificate.
        now: wall clock.
    """

    def __init__(self, api: Api, endpoint: str, authority: bytes, now: Callable[[], datetime]) -> None:
        self._api = api
        self._address = {"server": _encoded(endpoint.encode()), "ca.crt": _encoded(authority)}
        self._now = now

    async def ensure(self, cluster: str) -> float:
        """Renews the credential of a member if it is due; returns the seconds until it will be, at least 1."""
        secret = await self._api.get(SECRET, SYSTEM_NAMESPACE, member_credential(cluster))
        now = self._now()
        due = self._due(secret) or now
        if now >= due:
            due = now + timedelta(seconds=_TOKEN_SECONDS * _RENEW_AT)
            data = {**self._address, "token": _encoded((await self._issue(cluster)).encode())}
            renewed = membership.credential_secret(cluster, data, due.isoformat())
            await self._api.apply(SECRET, renewed, FEDERATION_MANAGER, force=True)
            _log.info("credential issued", cluster=cluster, renew_after=due.isoformat())
        await ensure(self._api, PROPAGATION_POLICY, propagation.credential_policy(cluster))
        return max((due - self._now()).total_seconds(), 1.0)

    def _due(self, secret: Object | None) -> datetime | None:
        """When the credential must be renewed; None if there is none, or one for another address."""
        if secret is None or not self._address.items() <= secret.get("data", {}).items():
            return None
        annotations: Mapping[str, str] = secret["metadata"].get("annotations", {})
        renew_after = annotations.get(membership.EXPIRY_ANNOTATION)
        return datetime.fromisoformat(renew_after) if renew_after else None

    async def _issue(self, cluster: str) -> str:
        path = SERVICE_ACCOUNT.path(member_namespace(cluster), membership.SERVICE_ACCOUNT, "token")
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS},
        }
        answer = await self._api.request("POST", path, request)
        return answer["status"]["token"]


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()
