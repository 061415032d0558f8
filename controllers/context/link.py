"""A connection to the control plane with one credential, and this member's replicas there."""

from __future__ import annotations

import asyncio

from api.context_replica import ContextReplica, ContextReplicaSpec
from api.names import CONTEXT_LABEL, CONTEXT_MANAGER, cluster_replica_name, member_namespace
from kube.client import Api
from kube.errors import Unreachable
from kube.kinds import CONTEXT_REPLICA, ObjectKey
from kube.reflector import Reflector

_PUT_SECONDS = 10.0
"""Shorter than a request's usual deadline: after a partition, a request that hangs must not hold its context up."""


class Link:
    """Follows, stores and removes the member's replicas; closed when its credential is replaced."""

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
        body = {"metadata": metadata, "spec": spec.wire()}
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
