"""Takes one FederatedContext from its declaration and its members' changes to what Karmada propagates."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from api.context_revision import ContextRevisionSpec
from api.names import DECLARED_SITE, FEDERATION_MANAGER, revision_name
from controllers.federation.observation import ControlPlane
from controllers.federation.observed import Observed, gather
from core.hub import project
from core.hub.advance import advance, held_back, undeclared
from core.hub.merge import Merger
from kube.controller import Done, Result, Waiting
from kube.errors import AlreadyExists
from kube.kinds import (
    CONTEXT_REPLICA,
    CONTEXT_REVISION,
    FEDERATED_CONTEXT,
    MCP_CONTEXT,
    PROPAGATION_POLICY,
    Kind,
    Object,
    ObjectKey,
)
from kube.reflector import Reflector

_log = structlog.get_logger(__name__)

_COMMIT_ATTEMPTS = 8
"""Another instance may commit first this often before the key goes back to the queue."""
_RESTORED_SECONDS = 0.2
"""How often to look whether the caches follow a restored store by now."""
_FOLLOW_SECONDS = 5.0
"""How long the watch may take to show what is stored; it takes milliseconds while the API server is there."""


class ContextReconciler:
    """Reconciles FederatedContexts: gather, decide (core), apply. It asks for a report and does not wait for it.

    Args:
        plane: the control plane.
        report: asks for a report on a context.
        now: wall clock.
        draw: a new incarnation, never drawn before.
    """

    def __init__(
        self,
        plane: ControlPlane,
        report: Callable[[ObjectKey], None],
        now: Callable[[], datetime],
        draw: Callable[[], str],
    ) -> None:
        self._plane = plane
        self._report = report
        self._now = now
        self._draw = draw
        self._memory: dict[ObjectKey, Memory] = {}

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings one context to rest."""
        observed = gather(self._plane, key)
        if observed is None:
            await self._forget(key)
            return Done()
        if not observed.context.spec.suspended:
            if observed.problem is None:
                await self._commit(observed)
                self._plane.held_back[key] = self._held_back(observed)
            await self._project(observed)
        self._report(key)
        return Done()

    def _held_back(self, observed: Observed) -> dict[str, tuple[str, ...]]:
        """What has just been left undecided, by cluster, and by the declaration."""
        history = observed.history
        left = {replica.cluster: held_back(history, replica.parsed.spec) for replica in observed.replicas}
        return left | {DECLARED_SITE: undeclared(observed.context, history, self._merger(observed, history))}

    async def _commit(self, observed: Observed) -> None:
        """Creates revisions until nothing is new; whoever creates a version first has committed it."""
        for _ in range(_COMMIT_ATTEMPTS):
            history = observed.history
            merger = self._merger(observed, history)
            # Merging texts may take a moment: watches must not wait for it.
            revision = await asyncio.to_thread(advance, observed.context, observed.sites, history, merger)
            if revision is None:
                return
            await self._check_store(observed, history, revision)
            if await self._create(observed, revision):
                self._memory[observed.key] = Memory(merger.incarnation, revision)
            else:
                _log.info("left behind", context=str(observed.key), version=revision.version)
        raise Waiting("CommitContended", f"{observed.key}: other instances commit all the time", after=0.2)

    def _merger(self, observed: Observed, history: Sequence[ContextRevisionSpec]) -> Merger:
        """Who merges: another incarnation if the store no longer has the revision that it last had."""
        memory = self._memory.get(observed.key)
        if memory is None or memory.is_lost_from(history):
            if memory and memory.seen:
                _log.warning("store was restored", context=str(observed.key), lost_version=memory.seen.version)
            memory = Memory(self._draw(), history[-1] if history else None)
        self._memory[observed.key] = Memory(memory.incarnation, history[-1] if history else None)
        now = self._now()
        return Merger(memory.incarnation, int(now.timestamp() * 1000), self._plane.recently_seen(now))

    async def _check_store(
        self, observed: Observed, history: Sequence[ContextRevisionSpec], revision: ContextRevisionSpec
    ) -> None:
        """Asks the store itself for what the revision stands on: after a restore, the caches show what it has lost.

        Raises:
            Waiting: it is not there; the caches have to catch up.
        """
        key, head = observed.key, history[-1] if history else None
        if head is not None and not await self._plane.is_stored(key, head.version, head.chain_digest):
            raise Waiting("NotStored", f"{key}: version {head.version} is no longer stored", _RESTORED_SECONDS)
        if head is None or revision.declared.generation != head.declared.generation:
            declared = await self._plane.api.get(FEDERATED_CONTEXT, key.namespace, key.name)
            if declared is None or declared["metadata"]["generation"] < observed.context.metadata.generation:
                raise Waiting("NotStored", f"{key}: this declaration is no longer stored", _RESTORED_SECONDS)

    async def _create(self, observed: Observed, revision: ContextRevisionSpec) -> bool:
        """Whether the revision is part of the history now.

        Not if somebody else was first. Nor if we were left behind so far that whoever was first is no longer retained:
        the watch tells, once it has come to what we wrote.
        """
        name = revision_name(revision.context, revision.version)
        obj = project.revision_object(observed.context, name, revision)
        try:
            stored = await self._plane.api.create(CONTEXT_REVISION, obj, FEDERATION_MANAGER)
        except AlreadyExists:
            stored = await self._read_other(observed, name)
        if stored is not None:
            await self._follow(stored)
        if all(known.chain_digest != revision.chain_digest for known in observed.history):
            return False
        sites = [cause.site for cause in revision.cause]
        conflicts = len(revision.conflicts)
        _log.info("committed", context=str(observed.key), version=revision.version, sites=sites, conflicts=conflicts)
        return True

    async def _read_other(self, observed: Observed, name: str) -> Object | None:
        """The revision that somebody else committed under this name; None if it has just been deleted."""
        stored = await self._plane.api.get(CONTEXT_REVISION, observed.key.namespace, name)
        if stored is not None and observed.context.metadata.uid not in _owner(stored):
            raise Waiting(
                "OldRevisions", f"{name} belongs to a deleted context of this name; waiting for it to go", 0.5
            )
        return stored

    async def _follow(self, stored: Object) -> None:
        """Lets the cache come to a revision, and so to all that was committed before it."""
        try:
            await self._plane.revisions.reached(stored["metadata"]["resourceVersion"], _FOLLOW_SECONDS)
        except TimeoutError:
            name = stored["metadata"]["name"]
            raise Waiting("CacheBehind", f"{name} is stored, and the watch has not shown it yet", 0.5) from None

    async def _project(self, observed: Observed) -> None:
        history = observed.history
        if not history:
            return
        await self._ensure(MCP_CONTEXT, self._plane.mcp_contexts, project.mcp_context(observed.context, history[-1]))
        policy = project.propagation_policy(observed.context)
        await self._ensure(PROPAGATION_POLICY, self._plane.policies, policy)

    async def _ensure(self, kind: Kind, reflector: Reflector, desired: Object) -> None:
        """Applies an object unless it is there already, as wanted."""
        key = ObjectKey.of(desired)
        present = reflector.cache.get(key)
        if present is not None:
            if _owner(present) != _owner(desired):
                raise Waiting("OldObject", f"{kind.name} {key} belongs to a deleted context; waiting for it to go", 0.5)
            if project.is_applied(present, desired):
                return
        reflector.observe(await self._plane.api.apply(kind, desired, FEDERATION_MANAGER, force=True))

    async def _forget(self, key: ObjectKey) -> None:
        """A deleted context: its own objects are collected by Kubernetes, the members' replicas are removed here."""
        self._memory.pop(key, None)
        self._plane.held_back.pop(key, None)
        for cluster in self._plane.labels():
            replica = self._plane.replica(cluster, key)
            if replica is not None:
                await self._plane.api.delete(CONTEXT_REPLICA, replica.key.namespace, replica.key.name)


@dataclass(frozen=True)
class Memory:
    """What an instance remembers of one context: a store that lacks it was restored from a backup."""

    incarnation: str
    seen: ContextRevisionSpec | None

    def is_lost_from(self, history: Sequence[ContextRevisionSpec]) -> bool:
        """Whether the revision last seen should be in the history and is not."""
        if self.seen is None:
            return False
        if not history:
            return True
        known = any(revision.chain_digest == self.seen.chain_digest for revision in history)
        return not known and self.seen.version >= history[0].version


def _owner(obj: Object) -> Sequence[str]:
    return [owner["uid"] for owner in obj["metadata"].get("ownerReferences", [])]
