"""Mirror: what pods propose → the member's replica on the control plane; what is decided there → the pods' replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from api.condition import REASON_INVALID_ITEM, REASON_PAYLOAD_TOO_LARGE
from api.context_replica import ContextReplica, ContextReplicaSpec, ContextReplicaStatus, Problem
from api.mcp_context import MCPContext
from api.names import CONTEXT_MANAGER, REPLICA_FINALIZER
from controllers.context.caches import MemberCaches
from controllers.context.link import Link
from controllers.context.pod_replica import PodReplica
from controllers.context.remote import RemoteControlPlane
from core.inspection.confirm import CONFIRM_ANNOTATION
from core.member import member_status
from core.member.collect import collect, releasable, status_for
from kube.controller import Done, Result, Waiting
from kube.errors import Forbidden, Invalid, NotFound, TooLarge, Unauthorized
from kube.kinds import CONTEXT_REPLICA, ObjectKey

_log = structlog.get_logger(__name__)

_REFUSED_SECONDS = 15.0
"""When to ask again after the control plane has refused: rights and schemas are put right by people."""


class Mirror:
    """Reconciles the replica of a context on the control plane with the replicas of its pods here."""

    def __init__(self, caches: MemberCaches, remote: RemoteControlPlane) -> None:
        self._caches = caches
        self._remote = remote
        self._refusals: dict[ObjectKey, Problem] = {}
        self._subscribers: list[Callable[[ObjectKey], None]] = []

    def subscribe(self, subscriber: Callable[[ObjectKey], None]) -> None:
        """Calls `subscriber` with the key of a context whose `refusal` has changed."""
        self._subscribers.append(subscriber)

    def refusal(self, key: ObjectKey) -> Problem | None:
        """Why the control plane does not take what the pods of a context propose, if it does not."""
        return self._refusals.get(key)

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings one context to rest; the changes go up before anything else, because people wait for them."""
        context, pods, link = self._caches.context(key), self._caches.pod_replicas(key), self._remote.link
        try:
            stored = await self._propose(link, key, context, pods) if link else None
        except (Unauthorized, Forbidden, NotFound) as error:
            # The heartbeat is refused as well, and makes it visible: the status has the condition Stale.
            raise Waiting("NotAllowed", f"the control plane refuses this member: {error}", _REFUSED_SECONDS) from error
        await self._release(key, context, pods, stored)
        if stored is not None:
            await self._confirm(pods, stored.metadata.annotations.get(CONFIRM_ANNOTATION))
            await self._report_decisions(pods, stored.status)
        return Done()

    async def _propose(
        self, link: Link, key: ObjectKey, context: MCPContext | None, pods: list[PodReplica]
    ) -> ContextReplica | None:
        """Stores what the pods propose; returns what the control plane then holds."""
        stored = link.replica(key)
        if context is None and not pods:
            if stored is not None:
                await link.remove(stored)
                _log.info("context is no longer placed here, replica removed", context=str(key))
            self._note(key, None)
            return None
        desired = collect(
            self._caches.member_context(key),
            _version_vector(context),
            [pod.replica.spec for pod in pods],
            stored.spec if stored else None,
            member_status.problems(context, self._caches.server_exists(context)) if context else (),
        )
        if stored is None or stored.spec != desired:
            stored = await self._put(link, key, desired)
        self._note(key, None)
        return stored

    async def _put(self, link: Link, key: ObjectKey, desired: ContextReplicaSpec) -> ContextReplica:
        try:
            return await link.put(key, desired)
        except (Invalid, TooLarge) as error:
            reason = REASON_PAYLOAD_TOO_LARGE if isinstance(error, TooLarge) else REASON_INVALID_ITEM
            message = f"the control plane does not take the local changes, make them smaller or revert them: {error}"
            self._note(key, Problem(reason=reason, message=message[:1024]))
            raise Waiting(reason, message, _REFUSED_SECONDS) from error

    def _note(self, key: ObjectKey, refusal: Problem | None) -> None:
        if refusal == self._refusals.get(key):
            return
        self._refusals.pop(key, None)
        if refusal is not None:
            self._refusals[key] = refusal
        for subscriber in self._subscribers:
            subscriber(key)

    async def _release(
        self, key: ObjectKey, context: MCPContext | None, pods: list[PodReplica], stored: ContextReplica | None
    ) -> None:
        """Lets the replicas of deleted pods go, whose changes are safe."""
        spec = stored.spec if stored else None
        for pod in pods:
            member_context = self._caches.member_context(key)
            if pod.is_held and releasable(member_context, _version_vector(context), pod.replica.spec, spec):
                await self._release_one(pod)

    async def _release_one(self, pod: PodReplica) -> None:
        metadata = {
            # The version that was judged: a change that came since must be judged as well.
            "resourceVersion": pod.replica.metadata.resource_version,
            "finalizers": [finalizer for finalizer in pod.finalizers if finalizer != REPLICA_FINALIZER],
        }
        try:
            await self._caches.api.patch(
                CONTEXT_REPLICA, *pod.key, {"metadata": metadata}, field_manager=CONTEXT_MANAGER
            )
        except NotFound:
            return
        _log.info("replica of a deleted pod released", replica=str(pod.key))

    async def _confirm(self, pods: list[PodReplica], confirmation: str | None) -> None:
        """Copies what a person has confirmed on the control plane to the pods' replicas, where the agents read it."""
        for pod in pods:
            if pod.is_deleted or pod.replica.metadata.annotations.get(CONFIRM_ANNOTATION) == confirmation:
                continue
            patch = {"metadata": {"annotations": {CONFIRM_ANNOTATION: confirmation}}}
            with suppress(NotFound):
                stored = await self._caches.api.patch(CONTEXT_REPLICA, *pod.key, patch, field_manager=CONTEXT_MANAGER)
                self._caches.replicas.observe(stored)

    async def _report_decisions(self, pods: list[PodReplica], decisions: ContextReplicaStatus) -> None:
        """Copies what is decided to the replicas that it is about; for people, nothing depends on it."""
        for pod in pods:
            desired = status_for(pod.replica.spec, decisions)
            if pod.is_deleted or desired == pod.replica.status:
                continue
            metadata = {**pod.key._asdict(), "uid": pod.replica.metadata.uid}
            body = {"metadata": metadata, "status": desired.wire()}
            with suppress(NotFound):
                stored = await self._caches.api.apply(CONTEXT_REPLICA, body, CONTEXT_MANAGER, "status", force=True)
                self._caches.replicas.observe(stored)


def _version_vector(context: MCPContext | None) -> Mapping[str, str]:
    return context.spec.version_vector if context is not None else {}
