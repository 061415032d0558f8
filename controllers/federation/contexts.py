"""Takes one FederatedContext from its declaration and its members' changes to what Karmada propagates, and reports."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from pydantic import ValidationError

from api.condition import REASON_INVALID_SPEC, REASON_PAYLOAD_TOO_LARGE
from api.context_replica import ContextReplica, ContextReplicaStatus, SiteDecision, SiteState
from api.context_revision import ContextRevisionSpec
from api.federated_context import FederatedContext
from api.names import FEDERATION_MANAGER, INLINE_LIMIT_BYTES, revision_name
from controllers.federation.observation import ControlPlane, Replica, read_context
from controllers.runtime.controller import Done, Result, Stalled, Waiting
from controllers.runtime.errors import AlreadyExists, NotFound
from controllers.runtime.kinds import (
    CONTEXT_REPLICA,
    CONTEXT_REVISION,
    FEDERATED_CONTEXT,
    MCP_CONTEXT,
    PROPAGATION_POLICY,
    Kind,
    Object,
    ObjectKey,
)
from controllers.runtime.reflector import Reflector
from core import canonical, project, version_vector
from core.advance import advance, held_back
from core.context_status import MemberView, SpecProblem, context_status
from core.merge import Merger
from core.placement import placed

_log = structlog.get_logger(__name__)

_COMMIT_ATTEMPTS = 8
"""Another instance may commit first this often before the key goes back to the queue."""


@dataclass(frozen=True)
class Observed:
    """One context and what its clusters propose."""

    key: ObjectKey
    context: FederatedContext
    clusters: list[str]
    replicas: list[Replica]
    """What placed clusters hold and propose; a member that the context is not placed on has no say."""
    operators: list[Replica]
    """What people propose."""
    problem: SpecProblem | None

    @property
    def sites(self) -> list[SiteState]:
        """All sites that propose changes."""
        return [site for replica in [*self.replicas, *self.operators] for site in replica.parsed.spec.sites]


class ContextReconciler:
    """Reconciles FederatedContexts: gather, decide (core), apply, report.

    Args:
        plane: the control plane.
        now: wall clock.
        draw: a new incarnation, never drawn before.
    """

    def __init__(self, plane: ControlPlane, now: Callable[[], datetime], draw: Callable[[], str]) -> None:
        self._plane = plane
        self._now = now
        self._draw = draw
        self._memory: dict[ObjectKey, Memory] = {}

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings one context to rest."""
        observed = self._gather(key)
        if observed is None:
            await self._forget(key)
            return Done()
        if not observed.context.spec.suspended:
            if observed.problem is None:
                await self._commit(observed)
            await self._project(observed)
        await self._report(observed)
        await self._acknowledge(observed)
        await self._dismiss_operators(observed)
        await self._prune(observed)
        return Done()

    def _gather(self, key: ObjectKey) -> Observed | None:
        raw = self._plane.contexts.cache.get(key)
        if raw is None or raw["metadata"].get("deletionTimestamp"):
            return None
        try:
            context = read_context(raw)
        except ValidationError as error:
            raise Stalled(REASON_INVALID_SPEC, f"{key}: {_first(error)}") from error
        clusters = placed(context.spec, self._plane.labels())
        replicas = [replica for cluster in clusters if (replica := self._plane.replica(cluster, key))]
        return Observed(key, context, clusters, replicas, self._plane.operators(key), _problem(context))

    def _history(self, observed: Observed) -> list[ContextRevisionSpec]:
        return self._plane.log.history(observed.key, observed.context.metadata.uid)

    async def _commit(self, observed: Observed) -> None:
        """Creates revisions until nothing is new; whoever creates a version first has committed it."""
        for _ in range(_COMMIT_ATTEMPTS):
            history = self._history(observed)
            merger = self._merger(observed, history)
            # Merging texts may take a moment: watches must not wait for it.
            revision = await asyncio.to_thread(advance, observed.context, observed.sites, history, merger)
            if revision is None:
                return
            if await self._create(observed, revision):
                self._memory[observed.key] = Memory(merger.incarnation, revision)
        raise Waiting("CommitContended", f"{observed.key}: other instances commit all the time", after=0.2)

    def _merger(self, observed: Observed, history: Sequence[ContextRevisionSpec]) -> Merger:
        """Who merges: another incarnation if the store no longer has the revision that it last had."""
        memory = self._memory.get(observed.key)
        if memory is None or memory.is_lost_from(history):
            if memory and memory.seen:
                _log.warning("store was restored", context=str(observed.key), lost_version=memory.seen.version)
            memory = Memory(self._draw(), history[-1] if history else None)
        self._memory[observed.key] = Memory(memory.incarnation, history[-1] if history else None)
        return Merger(memory.incarnation, int(self._now().timestamp() * 1000))

    async def _create(self, observed: Observed, revision: ContextRevisionSpec) -> bool:
        name = revision_name(revision.context, revision.version)
        obj = project.revision_object(observed.context, name, revision)
        try:
            self._plane.revisions.observe(await self._plane.api.create(CONTEXT_REVISION, obj, FEDERATION_MANAGER))
        except AlreadyExists:
            await self._learn(observed, name)
            return False
        sites = [cause.site for cause in revision.cause]
        conflicts = len(revision.conflicts)
        _log.info("committed", context=str(observed.key), version=revision.version, sites=sites, conflicts=conflicts)
        return True

    async def _learn(self, observed: Observed, name: str) -> None:
        """Reads the revision that somebody else committed under this name."""
        stored = await self._plane.api.get(CONTEXT_REVISION, observed.key.namespace, name)
        if stored is None:
            return
        owners = [owner["uid"] for owner in stored["metadata"].get("ownerReferences", [])]
        if observed.context.metadata.uid not in owners:
            raise Waiting(
                "OldRevisions", f"{name} belongs to a deleted context of this name; waiting for it to go", 0.5
            )
        self._plane.revisions.observe(stored)

    async def _project(self, observed: Observed) -> None:
        history = self._history(observed)
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
            if present["spec"] == desired["spec"] or project.covers(present["spec"], desired["spec"]):
                return
        reflector.observe(await self._plane.api.apply(kind, desired, FEDERATION_MANAGER, force=True))

    async def _report(self, observed: Observed) -> None:
        """Writes the status, once, if it has changed."""
        now = self._now()
        views = [self._view(cluster, observed, now) for cluster in observed.clusters]
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        status = context_status(observed.context, self._history(observed), views, observed.problem, stamp)
        if status == observed.context.status:
            return
        key, wire = observed.key, status.wire()
        absent = dict.fromkeys(observed.context.status.wire().keys() - wire.keys())
        patch: Object = {"status": {**absent, **wire}}
        await self._write_status(FEDERATED_CONTEXT, self._plane.contexts, key, patch)

    def _view(self, cluster: str, observed: Observed, now: datetime) -> MemberView:
        view = self._plane.view(cluster, observed.key, now)
        if view.replica is None or observed.context.spec.suspended or observed.problem:
            return view
        return replace(view, held_back=held_back(self._history(observed), view.replica))

    async def _acknowledge(self, observed: Observed) -> None:
        """Tells each cluster how far its sites' changes are decided."""
        history = self._history(observed)
        if not history:
            return
        for replica in observed.replicas:
            decided = _decided(replica.parsed, history[-1])
            if decided == replica.parsed.status.decided:
                continue
            status = ContextReplicaStatus(decided=decided).wire()
            await self._write_status(CONTEXT_REPLICA, self._plane.replicas, replica.key, {"status": status})

    async def _write_status(self, kind: Kind, reflector: Reflector, key: ObjectKey, patch: Object) -> None:
        try:
            stored = await self._plane.api.patch(
                kind, key.namespace, key.name, patch, subresource="status", field_manager=FEDERATION_MANAGER
            )
        except NotFound:
            return
        reflector.observe(stored)

    async def _dismiss_operators(self, observed: Observed) -> None:
        """Removes what people proposed once it is decided: the revisions have it."""
        history = self._history(observed)
        vector = history[-1].version_vector if history else {}
        for replica in observed.operators:
            changes = [change for site in replica.parsed.spec.sites for change in site.changes]
            if all(version_vector.includes(vector, change.dot) for change in changes):
                await self._plane.api.delete(CONTEXT_REPLICA, replica.key.namespace, replica.key.name)

    async def _prune(self, observed: Observed) -> None:
        """Deletes revisions beyond what the context retains; what undecided changes stand on is kept."""
        needed = min((site.base_version for site in observed.sites if site.changes), default=None)
        for revision in self._history(observed)[: -observed.context.spec.history.revisions]:
            if needed is not None and revision.version >= needed:
                return
            name = revision_name(revision.context, revision.version)
            await self._plane.api.delete(CONTEXT_REVISION, observed.key.namespace, name)

    async def _forget(self, key: ObjectKey) -> None:
        """A deleted context: its own objects are collected by Kubernetes, the members' replicas are removed here."""
        self._memory.pop(key, None)
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


def _problem(context: FederatedContext) -> SpecProblem | None:
    size = canonical.size(context.spec.context_payload.wire())
    if size <= INLINE_LIMIT_BYTES:
        return None
    message = (
        f"the payload has {size} bytes, {INLINE_LIMIT_BYTES} is the limit: split the context or shorten items; "
        "members keep the last good version"
    )
    return SpecProblem(REASON_PAYLOAD_TOO_LARGE, message)


def _decided(replica: ContextReplica, head: ContextRevisionSpec) -> list[SiteDecision]:
    vector = head.version_vector
    return [SiteDecision(site=s.site, hlc=vector[s.site]) for s in replica.spec.sites if s.site in vector]


def _owner(obj: Object) -> Sequence[str]:
    return [owner["uid"] for owner in obj["metadata"].get("ownerReferences", [])]


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
