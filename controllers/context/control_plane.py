"""The control plane as a member sees it: a link with the credential that was delivered, made anew when that rotates."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import structlog

from api.context_replica import ContextReplica, ContextReplicaSpec
from api.names import (
    API_VERSION,
    CONTEXT_LABEL,
    CONTEXT_MANAGER,
    SYSTEM_NAMESPACE,
    cluster_replica_name,
    member_credential,
    member_namespace,
)
from kube.client import Api
from kube.errors import ConfigurationError, Unreachable
from kube.kinds import CONTEXT_REPLICA, SECRET, Object, ObjectKey
from kube.reflector import Reflector

_DRAIN_SECONDS = 30.0
"""How long requests over the link before may take to end: their own deadline."""

_PUT_SECONDS = 10.0
"""Shorter than a request's usual deadline: after a partition, a request that hangs must not hold its context up."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Credential:
    """How a member is let in."""

    server: str
    """URL."""
    authority: str
    """PEM, as base64."""
    token: str

    @classmethod
    def of(cls, secret: Object) -> Self:
        """The credential in a Secret.

        Raises:
            ConfigurationError: the Secret lacks a key; the message names it.
        """
        data: Mapping[str, str] = secret.get("data") or {}
        missing = [key for key in ("server", "ca.crt", "token") if not data.get(key)]
        if missing:
            raise ConfigurationError(f"Secret {ObjectKey.of(secret)} lacks {', '.join(missing)}")
        try:
            return cls(_text(data["server"]), data["ca.crt"], _text(data["token"]))
        except ValueError as error:
            raise ConfigurationError(f"Secret {ObjectKey.of(secret)}: not base64 of UTF-8 text") from error

    def kubeconfig(self) -> dict[str, Any]:
        """As contents of a kubeconfig."""
        cluster = {"server": self.server, "certificate-authority-data": self.authority}
        return {
            "current-context": "control-plane",
            "contexts": [{"name": "control-plane", "context": {"cluster": "control-plane", "user": "member"}}],
            "clusters": [{"name": "control-plane", "cluster": cluster}],
            "users": [{"name": "member", "user": {"token": self.token}}],
        }


class Link:
    """A connection with one credential, and the member's replicas on the control plane."""

    def __init__(self, api: Api, cluster: str, tasks: asyncio.TaskGroup) -> None:
        """Begins to follow the replicas, as one of `tasks`."""
        self.api = api
        self.namespace = member_namespace(cluster)
        self.replicas = Reflector(api, CONTEXT_REPLICA, self.namespace)
        self._following = tasks.create_task(self.replicas.run())

    def replica(self, key: ObjectKey) -> ContextReplica | None:
        """What the control plane holds of a context of ours."""
        raw = self.replicas.cache.get(ObjectKey(self.namespace, cluster_replica_name(*key)))
        return ContextReplica.parse(raw) if raw is not None else None

    async def put(self, key: ObjectKey, spec: ContextReplicaSpec) -> ContextReplica:
        """Stores the replica of a context and returns it as stored."""
        metadata = {
            "name": cluster_replica_name(*key),
            "namespace": self.namespace,
            "labels": {CONTEXT_LABEL: key.name},
        }
        body = {"apiVersion": API_VERSION, "kind": "ContextReplica", "metadata": metadata, "spec": spec.wire()}
        # By force: nobody else may write the spec, and somebody who did must not stop us.
        try:
            async with asyncio.timeout(_PUT_SECONDS):
                stored = await self.api.apply(CONTEXT_REPLICA, body, CONTEXT_MANAGER, force=True)
        except TimeoutError as error:
            raise Unreachable(f"PATCH ContextReplica {metadata['name']}: no answer in {_PUT_SECONDS:.0f} s") from error
        self.replicas.observe(stored)
        return ContextReplica.parse(stored)

    async def remove(self, replica: ContextReplica) -> None:
        """Deletes a replica of ours, this very one."""
        meta = replica.metadata
        await self.api.delete(CONTEXT_REPLICA, self.namespace, meta.name, uid=meta.uid)

    async def close(self, drain_seconds: float = 0.0) -> None:
        """Ends the watch, and after a time in which requests may end, closes the connections."""
        self._following.cancel()
        try:
            await asyncio.gather(self._following, return_exceptions=True)
            await asyncio.sleep(drain_seconds)
        finally:
            await self.api.close()


class ControlPlane:
    """Keeps a link for the newest credential that works; the one before is used until then."""

    def __init__(self, member: Api, cluster: str) -> None:
        self.link: Link | None = None
        self.secret = ObjectKey(SYSTEM_NAMESPACE, member_credential(cluster))
        # The selector by name is what lets a role grant this one Secret.
        self.secrets = Reflector(
            member, SECRET, self.secret.namespace, field_selector=f"metadata.name={self.secret.name}"
        )
        self._cluster = cluster
        self._linked = asyncio.Event()
        self._rotated = asyncio.Event()
        self._subscribers: list[Callable[[ObjectKey], None]] = []
        self._on_link: list[Callable[[], None]] = []
        self.secrets.subscribe(self._on_secret)

    @property
    def has_credential(self) -> bool:
        """Whether the Secret is there."""
        return self.secret in self.secrets.cache

    def subscribe(self, on_replica: Callable[[ObjectKey], None], on_link: Callable[[], None]) -> None:
        """Calls `on_replica` with the context's key for each change of a replica, `on_link` for each new link."""
        self._subscribers.append(on_replica)
        self._on_link.append(on_link)

    async def linked(self) -> Link:
        """Waits for the first link."""
        await self._linked.wait()
        assert self.link is not None
        return self.link

    async def run(self) -> None:
        """Follows the credential until cancelled, then closes the link."""
        used: Credential | None = None
        await self.secrets.synced.wait()
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._rotated.clear()
                    credential = self._credential()
                    if credential is not None and credential != used and (link := await self._try(credential, tasks)):
                        used, before = credential, self.link
                        self._use(link, credential.server)
                        if before is not None:
                            tasks.create_task(before.close(_DRAIN_SECONDS))
                    await self._rotated.wait()
        finally:
            if self.link is not None:
                await self.link.close()

    def _credential(self) -> Credential | None:
        secret = self.secrets.cache.get(self.secret)
        if secret is None:
            _log.warning(
                "no credential for the control plane yet, waiting for it to be delivered", secret=str(self.secret)
            )
            return None
        try:
            return Credential.of(secret)
        except ConfigurationError as error:
            _log.error("credential for the control plane not usable", error=str(error))
            return None

    async def _try(self, credential: Credential, tasks: asyncio.TaskGroup) -> Link | None:
        """A link that has been used with success; None if it cannot be used or a newer credential came meanwhile."""
        try:
            link = Link(await Api.from_kubeconfig(credential.kubeconfig()), self._cluster, tasks)
        except ConfigurationError as error:
            _log.error("credential for the control plane not usable", secret=str(self.secret), error=str(error))
            return None
        works = False
        try:
            await _first_of(link.replicas.synced, self._rotated)
            works = link.replicas.synced.is_set()
        finally:
            if not works:
                await link.close()
        return link if works else None

    def _use(self, link: Link, server: str) -> None:
        self.link = link
        _log.info("linked to the control plane", server=server, replicas=len(link.replicas.cache))
        self._linked.set()
        link.replicas.subscribe(self._on_replica)
        for subscriber in self._on_link:
            subscriber()

    def _on_secret(self, _key: ObjectKey, _old: Object | None, _new: Object | None) -> None:
        self._rotated.set()

    def _on_replica(self, _key: ObjectKey, old: Object | None, new: Object | None) -> None:
        spec = (new or old or {})["spec"]
        for subscriber in self._subscribers:
            subscriber(ObjectKey(spec.get("contextNamespace", ""), spec["context"]))


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _text(encoded: str) -> str:
    return base64.b64decode(encoded, validate=True).decode().strip()
