"""Publishes what a site holds and proposes: keeps one ContextReplica as it was last offered."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Self

import structlog
from pydantic import ValidationError

from api.context_replica import ContextReplicaSpec, SiteState
from api.names import AGENT_MANAGER, API_VERSION, CONTEXT_LABEL, REPLICA_FINALIZER, pod_replica_name
from controllers.agent.settings import Settings
from core.inspection.confirm import CONFIRM_ANNOTATION
from kube.backoff import DecorrelatedJitter
from kube.client import Api
from kube.errors import ApiError, ConfigurationError, Conflict, Unreachable
from kube.kinds import CONTEXT_REPLICA, Object, ObjectKey
from kube.reflector import Reflector

_log = structlog.get_logger(__name__)

_FAILURES = (ApiError, Unreachable, ConfigurationError)


@dataclass(frozen=True)
class Requests:
    """What others ask of a site by way of its replica."""

    confirmation: str = ""
    """What a person has confirmed, see core.inspection.confirm; empty if nothing."""
    inventory_wanted: bool = False
    """Whether the control plane has lost the revision that is held here."""

    @classmethod
    def of(cls, replica: Object | None) -> Self:
        """Those in a stored replica."""
        if replica is None:
            return cls()
        annotations: dict[str, str] = replica["metadata"].get("annotations") or {}
        wanted = bool(replica.get("status", {}).get("inventoryWanted"))
        return cls(annotations.get(CONFIRM_ANNOTATION, ""), wanted)


class Publisher:
    """Writes only when the stored replica is not what it should be, whoever is the cause of that."""

    def __init__(self, api: Api, settings: Settings, context: str) -> None:
        self._api = api
        self._settings = settings
        self._context = context
        self._key = ObjectKey(settings.namespace, pod_replica_name(context, settings.pod))
        self._replicas = Reflector(
            api, CONTEXT_REPLICA, settings.namespace, field_selector=f"metadata.name={self._key.name}"
        )
        self._wake = asyncio.Event()
        self._subscribers: list[Callable[[], None]] = []
        self._replicas.subscribe(self._on_replica)
        self._settled = asyncio.Event()
        """Set while the stored replica is as wanted."""
        self._settled.set()
        self._offered: ContextReplicaSpec | None = None
        self._is_withdrawn = False
        self._written: tuple[ContextReplicaSpec, object] | None = None
        """The last write and the spec that the server made of it."""

    @property
    def requests(self) -> Requests:
        """What is asked of this site now."""
        return Requests.of(self._replicas.cache.get(self._key))

    def subscribe(self, subscriber: Callable[[], None]) -> None:
        """Calls `subscriber` when `requests` have changed."""
        self._subscribers.append(subscriber)

    def offer(self, state: SiteState) -> None:
        """This is to be published."""
        offered = ContextReplicaSpec(context=self._context, sites=[state])
        if offered != self._offered:
            self._offered = offered
            self._settled.clear()
            self._wake.set()

    def withdraw(self) -> None:
        """Nothing is to be published any more: the replica is to go."""
        self._is_withdrawn = True
        self._settled.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Waits until the stored replica is as wanted."""
        await self._settled.wait()

    async def run(self) -> None:
        """Keeps the replica until cancelled, through every failure."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._replicas.run())
            group.create_task(self._keep())

    def _on_replica(self, _key: ObjectKey, old: Object | None, new: Object | None) -> None:
        self._wake.set()
        if Requests.of(old) != Requests.of(new):
            for subscriber in self._subscribers:
                subscriber()

    async def _keep(self) -> None:
        backoff = DecorrelatedJitter(Random())  # noqa: S311  spreads load, guards nothing
        await self._replicas.synced.wait()
        while True:
            self._wake.clear()
            try:
                if await self._reconcile():
                    self._settled.set()
            except _FAILURES as error:
                _log.warning("not published", context=self._context, error=str(error))
                await asyncio.sleep(max(backoff.next(), getattr(error, "retry_after", None) or 0.0))
                continue
            backoff.reset()
            await self._wake.wait()

    async def _reconcile(self) -> bool:
        """Whether the stored replica is as wanted now."""
        offered, stored = self._offered, self._replicas.cache.get(self._key)
        if self._is_withdrawn:
            await self._delete(stored)
            return True
        if offered is None:
            return False
        if stored is not None and _is_foreign(stored, offered):
            await self._delete(stored)
            return False
        if not self._is_current(offered, stored):
            await self._write(offered)
        return offered is self._offered

    async def _write(self, offered: ContextReplicaSpec) -> None:
        # Forced, because the spec is ours alone: an edit by anybody else is put right.
        result = await self._api.apply(CONTEXT_REPLICA, self._object(offered), AGENT_MANAGER, force=True)
        self._written = (offered, result["spec"])
        self._replicas.observe(result)

    async def _delete(self, stored: Object | None) -> None:
        """The finalizer keeps the replica until its changes are in safe hands."""
        if stored is None or stored["metadata"].get("deletionTimestamp"):
            return
        try:
            await self._api.delete(CONTEXT_REPLICA, *self._key, uid=stored["metadata"]["uid"])
        except Conflict:
            return  # another one of that name: we are woken with it

    def _is_current(self, offered: ContextReplicaSpec, stored: Object | None) -> bool:
        if stored is None or REPLICA_FINALIZER not in stored["metadata"].get("finalizers", ()):
            return False
        if self._written is not None:
            # What the server made of our write is compared, so that its defaults are never fought.
            return self._written == (offered, stored["spec"])
        return _parse(stored) == offered

    def _object(self, offered: ContextReplicaSpec) -> Object:
        owner = {"apiVersion": "v1", "kind": "Pod", "name": self._settings.pod, "uid": self._settings.pod_uid}
        return {
            "apiVersion": API_VERSION,
            "kind": CONTEXT_REPLICA.name,
            "metadata": {
                "namespace": self._key.namespace,
                "name": self._key.name,
                "labels": {CONTEXT_LABEL: self._context},
                "finalizers": [REPLICA_FINALIZER],
                "ownerReferences": [owner],
            },
            "spec": offered.wire(),
        }


def _is_foreign(stored: Object, offered: ContextReplicaSpec) -> bool:
    """Whether a replica speaks for another site: of a pod of our name before us, or of us before we lost our journal.

    Its changes must reach the control plane, so it is not overwritten: it goes, and ours comes after it.
    """
    spec = _parse(stored)
    return spec is not None and bool({state.site for state in spec.sites} - {state.site for state in offered.sites})


def _parse(stored: Object) -> ContextReplicaSpec | None:
    try:
        return ContextReplicaSpec.model_validate(stored["spec"])
    except ValidationError:
        return None
