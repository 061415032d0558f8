"""Reconciles FederatedContexts: changes are committed, and the head becomes what Karmada propagates."""

from collections.abc import Callable

from controllers.federation.caches import ControlPlaneCaches
from controllers.federation.commits import Committer
from controllers.federation.ensure import ensure_owned
from controllers.federation.gather import Observed, gather
from core.hub import project, propagation
from kube.controller import Done, Result
from kube.kinds import CONTEXT_REPLICA, ObjectKey


class ContextReconciler:
    """Takes a context from gather over commit to project; asks for a report and does not wait for it.

    Args:
        caches: the control plane.
        committer: commits what is new.
        report: asks for a report on a context.
    """

    def __init__(self, caches: ControlPlaneCaches, committer: Committer, report: Callable[[ObjectKey], None]) -> None:
        self._caches = caches
        self._api = caches.api
        self._committer = committer
        self._report = report

    async def reconcile(self, key: ObjectKey) -> Result:
        """Brings one context to rest; whatever comes of it is reported."""
        try:
            return await self._reconcile(key)
        finally:
            self._report(key)

    async def _reconcile(self, key: ObjectKey) -> Result:
        observed = gather(self._caches, key)
        if observed is None:
            await self._forget(key)
            return Done()
        if not observed.context.spec.suspended:
            if observed.problem is None:
                await self._committer.commit(observed)
                self._caches.held_back[key] = self._committer.held_back(observed)
            await self._project(observed)
        return Done()

    async def _project(self, observed: Observed) -> None:
        """The head as MCPContext, and the PropagationPolicy that places it."""
        history = observed.history
        if not history:
            return
        mcp_context = project.mcp_context(observed.context, history[-1])
        await ensure_owned(self._api, self._caches.mcp_contexts, mcp_context)
        await ensure_owned(self._api, self._caches.policies, propagation.propagation_policy(observed.context))

    async def _forget(self, key: ObjectKey) -> None:
        """A deleted context: its own objects are collected by Kubernetes, the members' replicas are removed here."""
        self._committer.forget(key)
        self._caches.held_back.pop(key, None)
        for cluster in self._caches.labels():
            replica = self._caches.replica(cluster, key)
            if replica is not None:
                await self._api.delete(CONTEXT_REPLICA, replica.key.namespace, replica.key.name)
