"""Service account tokens of one pod: asked for when needed, bound to the pod, renewed at 80 % of their life."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from fleet.node.volumes import TokenClaim
from kube.client import Api
from kube.kinds import SERVICE_ACCOUNT, Object

_RENEW_AT = 0.8


class _Token(NamedTuple):
    text: str
    renew_at: float


class PodTokens:
    """The tokens of one pod."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self._api = api
        self._clock = clock
        self._tokens: dict[TokenClaim, _Token] = {}

    async def current(self, pod: Object, claims: Iterable[TokenClaim]) -> dict[TokenClaim, str]:
        """A token for each claim, none of them due for renewal.

        Raises:
            ApiError: the API server refuses one, for example because the service account is absent.
        """
        for claim in claims:
            known = self._tokens.get(claim)
            if known is None or known.renew_at <= self._clock():
                self._tokens[claim] = await self._request(pod, claim)
        return {claim: token.text for claim, token in self._tokens.items()}

    def seconds_to_renewal(self) -> float | None:
        """How long the tokens stay good; None if there is none."""
        due = [token.renew_at for token in self._tokens.values()]
        return max(min(due) - self._clock(), 0.0) if due else None

    async def _request(self, pod: Object, claim: TokenClaim) -> _Token:
        metadata = pod["metadata"]
        account: str = pod["spec"].get("serviceAccountName") or "default"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Object = {"expirationSeconds": claim.expiration_seconds, "boundObjectRef": bound}
        if claim.audience:
            spec["audiences"] = [claim.audience]
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        asked_at = self._clock()
        answer = await self._api.request("POST", SERVICE_ACCOUNT.path(metadata["namespace"], account, "token"), body)
        expires_at = datetime.fromisoformat(answer["status"]["expirationTimestamp"]).timestamp()
        return _Token(answer["status"]["token"], asked_at + _RENEW_AT * (expires_at - asked_at))
