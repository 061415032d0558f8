"""Publishes what a site holds and proposes: keeps one ContextReplica as it was last offered."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError

from api.context_replica import ContextReplicaSpec, SiteState
from api.names import AGENT_MANAGER, API_VERSION, CONTEXT_LABEL, REPLICA_FINALIZER, pod_replica_name
from controllers.agent.settings import Settings
from core.inspection.confirm import CONFIRM_ANNOTATION
from kube.client import Api
from kube.controller import Controller, Done, Result
from kube.errors import Conflict
from kube.kinds import CONTEXT_REPLICA, Object, ObjectKey
from kube.reflector import Reflector

_DRAIN_SECONDS = 0.5
"""A write may be cut off at the end of the pod: what it would have published is in the journal."""


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
        self._controller = Controller(f"replica/{context}", self._reconcile, workers=1, drain_seconds=_DRAIN_SECONDS)
        self._subscribers: list[Callable[[], None]] = []
        self._replicas.subscribe(self._on_replica)
        self._settled = asyncio.Event()
        """Set while the stored replica is as wanted."""
        self._settled.set()
        self._offered: ContextReplicaSpec | None = None
        self.is_withdrawn = False
        """Whether nothing is to be published any more."""
        self._written: tuple[ContextReplicaSpec, object] | None = None
        """The last write and the spec that the server made of it."""

    @property
    def requests(self) -> Requests:
        """What is asked of this site now."""
        return Requests.of(self._replicas.cache.get(self._key))

    def subscribe(self, subscriber: Callable[[], None]) -> None:
        """Calls `subscriber` when `requests` have changed, and when a withdrawn replica is on its way out."""
        self._subscribers.append(subscriber)

    def offer(self, state: SiteState) -> None:
        """This is to be published."""
        offered = ContextReplicaSpec(context=self._context, sites=[state])
        if offered != self._offered:
            self._offered = offered
            self._unsettle()

    def withdraw(self) -> None:
        """Nothing is to be published any more: the replica is to go."""
        self.is_withdrawn = True
        self._unsettle()

    @property
    def is_settled(self) -> bool:
        """Whether the stored replica is as wanted."""
        return self._settled.is_set()

    async def settled(self) -> None:
        """Waits until the stored replica is as wanted."""
        await self._settled.wait()

    async def run(self) -> None:
        """Keeps the replica until cancelled, through every failure."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._replicas.run())
            await self._replicas.synced.wait()
            group.create_task(self._controller.run())

    def _unsettle(self) -> None:
        self._settled.clear()
        self._controller.queue.add(self._key)

    def _notify(self) -> None:
        for subscriber in self._subscribers:
            subscriber()

    def _on_replica(self, _key: ObjectKey, old: Object | None, new: Object | None) -> None:
        self._controller.queue.add(self._key)
        if Requests.of(old) != Requests.of(new):
            self._notify()

    async def _reconcile(self, key: ObjectKey) -> Result:
        """Brings the stored replica to what is wanted."""
        offered, stored = self._offered, self._replicas.cache.get(key)
        if self.is_withdrawn:
            await self._delete(stored)
            self._settled.set()
            self._notify()
        elif stored is not None and offered is not None and _is_foreign(stored, offered):
            await self._delete(stored)
        elif offered is not None:
            if not self._is_current(offered, stored):
                await self._write(offered)
            if offered is self._offered and not self.is_withdrawn:
                self._settled.set()
        return Done()

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
    """Whether a replica belongs to another site: of a pod of our name before us, or of us before we lost our journal.

    Its changes must reach the control plane, so it is not overwritten: it goes, and ours comes after it.
    """
    spec = _parse(stored)
    return spec is not None and bool({state.site for state in spec.sites} - {state.site for state in offered.sites})


def _parse(stored: Object) -> ContextReplicaSpec | None:
    try:
        return ContextReplicaSpec.model_validate(stored["spec"])
    except ValidationError:
        return None
