"""The scheduler: binds every pending pod to the one node there is, or says in the pod's status why not."""

import asyncio
from collections.abc import Callable

import structlog

from fleet.node.host import Host
from fleet.node.scheduling import is_pending, obstacle, unschedulable
from kube.errors import AlreadyExists, ApiError, Conflict, NotFound, Unreachable
from kube.kinds import POD, Object, ObjectKey
from kube.reflector import Reflector

_log = structlog.get_logger(__name__)

_RETRY_SECONDS = 1.0


class Binder:
    """Binds pods, each in a task of its own."""

    def __init__(self, host: Host, labels: dict[str, str], pods: Reflector, free: Callable[[], int]) -> None:
        """`labels` are the Node object's; `free` returns how many more pods the node can run."""
        self._host = host
        self._labels = labels
        self._pods = pods
        self._free = free
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def consider(self, pod: Object) -> None:
        """Bind the pod soon, unless that is under way."""
        uid: str = pod["metadata"]["uid"]
        if uid not in self._tasks:
            task = self._tasks[uid] = asyncio.create_task(self._bind(uid, ObjectKey.of(pod)))
            task.add_done_callback(lambda _: self._tasks.pop(uid))

    async def close(self) -> None:
        """Stop binding."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bind(self, uid: str, key: ObjectKey) -> None:
        while (pod := self._pods.cache.get(key)) and pod["metadata"]["uid"] == uid and is_pending(pod):
            try:
                await self._try_to_bind(pod)
            except (NotFound, Conflict, AlreadyExists):
                return
            except (ApiError, Unreachable) as error:
                _log.warning("pod cannot be bound", pod=str(key), reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _try_to_bind(self, pod: Object) -> None:
        key = ObjectKey.of(pod)
        if message := obstacle(pod, self._labels, self._free()):
            if patch := unschedulable(pod, message, self._host.now()):
                await self._host.api.patch(POD, key.namespace, key.name, patch, "status")
            return
        target = {"apiVersion": "v1", "kind": "Node", "name": self._host.name}
        metadata = {"name": key.name, "namespace": key.namespace, "uid": pod["metadata"]["uid"]}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}
        await self._host.api.request("POST", POD.path(key.namespace, key.name, "binding"), binding)
