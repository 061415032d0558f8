"""Reports on one FederatedContext: its status, the decisions on what was proposed, and how much history is kept."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from api.condition import REASON_PAYLOAD_TOO_LARGE
from api.context_replica import ContextReplica, ContextReplicaStatus, SiteDecision, SiteState
from api.context_revision import ContextRevisionSpec
from api.federated_context import FederatedContextStatus
from api.names import DECLARED_SITE, FEDERATION_MANAGER, INLINE_LIMIT_BYTES, revision_name
from controllers.federation.caches import ControlPlaneCaches
from controllers.federation.gather import Observed, gather
from controllers.wall_clock import rfc3339
from core.hub.cluster_state import MemberView
from core.hub.context_status import SpecProblem, context_status, invalid_status
from core.hub.outcomes import outcomes
from core.hub.recover import may_be_merged
from core.hub.retain import expired
from core.values import version_vector
from kube.controller import Done, RequeueAfter, Result, Stalled
from kube.errors import NotFound
from kube.kinds import CONTEXT_REPLICA, CONTEXT_REVISION, Object, ObjectKey
from kube.reflector import Reflector


class ContextReporter:
    """Writes what can be rebuilt at any time; nothing waits for it."""

    def __init__(self, caches: ControlPlaneCaches, now: Callable[[], datetime]) -> None:
        self._caches = caches
        self._api = caches.api
        self._now = now

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings the reports on one context up to date."""
        try:
            observed = gather(self._caches, key)
        except Stalled as stalled:
            await self._report_invalid(key, stalled.message)
            raise
        if observed is None:
            return Done()
        await self._report(observed)
        await self._acknowledge(observed)
        await self._dismiss_operators(observed)
        return await self._prune(observed)

    async def _report(self, observed: Observed) -> None:
        """Writes the status, once, if it has changed."""
        now = self._now()
        views = [self._view(cluster, observed, now) for cluster in observed.clusters]
        problem = self._problem(observed)
        status = context_status(observed.context, observed.history, views, problem, rfc3339(now))
        if status == observed.context.status:
            return
        key, wire = observed.key, status.wire()
        absent = dict.fromkeys(observed.context.status.wire().keys() - wire.keys())
        await self._write_status(self._caches.contexts, key, {**absent, **wire})

    async def _report_invalid(self, key: ObjectKey, message: str) -> None:
        raw = self._caches.contexts.cache[key]
        before = FederatedContextStatus.model_validate(raw.get("status", {}))
        status = invalid_status(before, message, raw["metadata"]["generation"], rfc3339(self._now()))
        if status != before:
            await self._write_status(self._caches.contexts, key, status.wire())

    def _problem(self, observed: Observed) -> SpecProblem | None:
        left = self._caches.held_back.get(observed.key, {}).get(DECLARED_SITE, ())
        if observed.problem or not left:
            return observed.problem
        items = ", ".join(left[:5])
        return SpecProblem(
            REASON_PAYLOAD_TOO_LARGE,
            f"{items}: with what members have added, the payload would be larger than {INLINE_LIMIT_BYTES} bytes; "
            "shorten or delete items",
        )

    def _view(self, cluster: str, observed: Observed, now: datetime) -> MemberView:
        view = self._caches.view(cluster, observed.key, now)
        if view.replica is None or observed.context.spec.suspended or observed.problem:
            return view
        return replace(view, held_back=self._caches.held_back.get(observed.key, {}).get(cluster, ()))

    async def _acknowledge(self, observed: Observed) -> None:
        """Writes to each cluster's replica how far its sites' changes are decided, and how."""
        history = observed.history
        if not history:
            return
        for replica in observed.replicas:
            lost = await self._lost(observed.key, history, replica.parsed.spec.sites)
            status = _decisions(replica.parsed, history, lost)
            if status != replica.parsed.status:
                await self._write_status(self._caches.replicas, replica.key, status.wire())

    async def _lost(self, key: ObjectKey, history: list[ContextRevisionSpec], sites: list[SiteState]) -> list[str]:
        """Sites of running pods whose revision should be stored and is not: only inventories show what was lost."""
        unknown = [site for site in sites if site.pod and not may_be_merged(history, site)]
        # A revision that the cache lacks may be stored all the same: the cache may be behind.
        stored = [await self._caches.is_stored(key, site.base_version, site.base_digest) for site in unknown]
        return [site.site for site, is_there in zip(unknown, stored, strict=True) if not is_there]

    async def _write_status(self, reflector: Reflector, key: ObjectKey, status: Object) -> None:
        with suppress(NotFound):
            stored = await self._api.patch(
                reflector.kind, *key, {"status": status}, subresource="status", field_manager=FEDERATION_MANAGER
            )
            reflector.observe(stored)

    async def _dismiss_operators(self, observed: Observed) -> None:
        """Removes what people proposed once it is decided: the revisions have it."""
        history = observed.history
        vector = history[-1].version_vector if history else {}
        for replica in observed.operators:
            changes = [change for site in replica.parsed.spec.sites for change in site.changes]
            if all(version_vector.includes(vector, change.dot) for change in changes):
                await self._api.delete(CONTEXT_REPLICA, replica.key.namespace, replica.key.name)

    async def _prune(self, observed: Observed) -> Result:
        """Deletes the revisions that are no longer kept."""
        now, limits = self._now(), observed.context.spec.history
        beyond = expired(observed.revisions, observed.sites, limits, now)
        for revision in beyond.revisions:
            name = revision_name(revision.context, revision.version)
            await self._api.delete(CONTEXT_REVISION, observed.key.namespace, name)
        return RequeueAfter((beyond.next_at - now).total_seconds()) if beyond.next_at else Done()


def _decisions(replica: ContextReplica, history: list[ContextRevisionSpec], lost: list[str]) -> ContextReplicaStatus:
    vector, sites = history[-1].version_vector, [state.site for state in replica.spec.sites]
    return ContextReplicaStatus(
        decided=[SiteDecision(site=site, hlc=vector[site]) for site in sites if site in vector],
        outcomes=outcomes(replica.status.outcomes, history, sites),
        inventory_wanted=lost,
    )
