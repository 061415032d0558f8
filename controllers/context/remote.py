"""The member's remote client: a link to the control plane, made anew when the credential that is delivered rotates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from api.names import SYSTEM_NAMESPACE, member_credential
from controllers.context.credential import DeliveredCredential
from controllers.context.link import Link
from kube.client import Api
from kube.errors import ConfigurationError
from kube.kinds import SECRET, Object, ObjectKey
from kube.reflector import Reflector

_DRAIN_SECONDS = 30.0
"""How long requests over the link before may take to end: their own deadline."""

_log = structlog.get_logger(__name__)


class RemoteControlPlane:
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
        used: DeliveredCredential | None = None
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

    def _credential(self) -> DeliveredCredential | None:
        secret = self.secrets.cache.get(self.secret)
        if secret is None:
            _log.warning(
                "no credential for the control plane yet, waiting for it to be delivered", secret=str(self.secret)
            )
            return None
        try:
            return DeliveredCredential.of(secret)
        except ConfigurationError as error:
            _log.error("credential for the control plane not usable", error=str(error))
            return None

    async def _try(self, credential: DeliveredCredential, tasks: asyncio.TaskGroup) -> Link | None:
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
