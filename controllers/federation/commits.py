"""commit: new changes become revisions; creating one under the next version is the only lock among instances."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from api.context_revision import ContextRevisionSpec
from api.names import DECLARED_SITE, FEDERATION_MANAGER, revision_name
from controllers.federation.caches import ControlPlaneCaches
from controllers.federation.ensure import owner_uids
from controllers.federation.gather import Observed
from controllers.federation.memory import Memory
from core.hub import project
from core.hub.advance import advance, held_back, undeclared
from core.hub.merge import Merger
from kube.controller import Waiting
from kube.errors import AlreadyExists
from kube.kinds import CONTEXT_REVISION, FEDERATED_CONTEXT, Object, ObjectKey

_log = structlog.get_logger(__name__)

_COMMIT_ATTEMPTS = 8
"""Another instance may commit first this often before the key goes back to the queue."""
_RESTORED_SECONDS = 0.2
"""How often to look whether the caches follow a restored store by now."""
_FOLLOW_SECONDS = 5.0
"""How long the watch may take to show what is stored; it takes milliseconds while the API server is there."""


class Committer:
    """Commits what is new in a context.

    Args:
        caches: the control plane.
        now: wall clock.
        draw: a new incarnation, never drawn before.
    """

    def __init__(self, caches: ControlPlaneCaches, now: Callable[[], datetime], draw: Callable[[], str]) -> None:
        self._caches = caches
        self._api = caches.api
        self._now = now
        self._draw = draw
        self._memory: dict[ObjectKey, Memory] = {}

    async def commit(self, observed: Observed) -> None:
        """Creates revisions until nothing is new; whoever creates a version first has committed it.

        Raises:
            Waiting: the caches or the store are behind, or other instances always come first.
        """
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

    def held_back(self, observed: Observed) -> dict[str, tuple[str, ...]]:
        """Items whose changes `commit` has left undecided, by cluster, and those of the declaration under its site."""
        history = observed.history
        left = {replica.cluster: held_back(history, replica.parsed.spec) for replica in observed.replicas}
        return left | {DECLARED_SITE: undeclared(observed.context, history, self._merger(observed, history))}

    def forget(self, key: ObjectKey) -> None:
        """Drops what is remembered of a context that is gone."""
        self._memory.pop(key, None)

    def _merger(self, observed: Observed, history: Sequence[ContextRevisionSpec]) -> Merger:
        """Who merges: a new incarnation if the store no longer has the revision that this instance last saw in it."""
        memory = self._memory.get(observed.key)
        if memory is None or memory.is_lost_from(history):
            if memory and memory.seen:
                _log.warning("store was restored", context=str(observed.key), lost_version=memory.seen.version)
            memory = Memory(self._draw(), history[-1] if history else None)
        self._memory[observed.key] = Memory(memory.incarnation, history[-1] if history else None)
        now = self._now()
        return Merger(memory.incarnation, int(now.timestamp() * 1000), self._caches.recent_sites.at(now))

    async def _check_store(
        self, observed: Observed, history: Sequence[ContextRevisionSpec], revision: ContextRevisionSpec
    ) -> None:
        """Asks the store itself for what the revision builds on: after a restore the caches show what the store lost.

        Raises:
            Waiting: the store lacks it, and the caches do not know that yet.
        """
        key, head = observed.key, history[-1] if history else None
        if head is not None and not await self._caches.is_stored(key, head.version, head.chain_digest):
            raise Waiting("NotStored", f"{key}: version {head.version} is no longer stored", _RESTORED_SECONDS)
        if revision.epoch != (head.epoch if head else 0):
            await self._check_recovery(observed, history)
        if head is None or revision.declared.generation != head.declared.generation:
            declared = await self._api.get(FEDERATED_CONTEXT, key.namespace, key.name)
            if declared is None or declared["metadata"]["generation"] < observed.context.metadata.generation:
                raise Waiting("NotStored", f"{key}: this declaration is no longer stored", _RESTORED_SECONDS)

    async def _check_recovery(self, observed: Observed, history: Sequence[ContextRevisionSpec]) -> None:
        """Compares the history with the store: a recovery skips versions, so that no name in use would stop it.

        Raises:
            Waiting: the store has a revision that the cache has not shown yet, and so may have lost nothing.
        """
        known = {revision.chain_digest for revision in history}
        uid = observed.context.metadata.uid
        stored = [obj for obj in await self._caches.stored_revisions(observed.key) if uid in owner_uids(obj)]
        if stored and max(stored, key=_number)["spec"]["chainDigest"] not in known:
            raise Waiting(
                "CacheBehind", f"{observed.key}: newer revisions are stored than are known", _RESTORED_SECONDS
            )

    async def _create(self, observed: Observed, revision: ContextRevisionSpec) -> bool:
        """Whether the revision is part of the history now.

        Not if another instance committed the version first; nor if that was so long ago that its revision is no longer
        retained: then the history that the watch shows after ours lacks ours.
        """
        name = revision_name(revision.context, revision.version)
        obj = project.revision_object(observed.context, name, revision)
        try:
            stored = await self._api.create(CONTEXT_REVISION, obj, FEDERATION_MANAGER)
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
        stored = await self._api.get(CONTEXT_REVISION, observed.key.namespace, name)
        if stored is not None and observed.context.metadata.uid not in owner_uids(stored):
            raise Waiting(
                "OldRevisions", f"{name} belongs to a deleted context of this name; waiting for it to go", 0.5
            )
        return stored

    async def _follow(self, stored: Object) -> None:
        """Waits until the cache holds a revision, and so all that was committed before it."""
        try:
            await self._caches.revisions.reached(stored["metadata"]["resourceVersion"], _FOLLOW_SECONDS)
        except TimeoutError:
            name = stored["metadata"]["name"]
            raise Waiting("CacheBehind", f"{name} is stored, and the watch has not shown it yet", 0.5) from None


def _number(revision: Object) -> tuple[int, int]:
    return revision["spec"].get("epoch", 0), revision["spec"]["version"]
