"""The node itself: follows the cluster's pods, has waiting ones bound, and keeps a `PodRun` for each of its own."""

import asyncio
import shutil
from collections.abc import Sequence

import structlog

from fleet.node.addresses import SLOTS, free_slot, pod_address, slot_of
from fleet.node.binder import Binder
from fleet.node.host import Host
from fleet.node.layout import pod_directory, pods_directory
from fleet.node.objects import child
from fleet.node.pod import PodRun
from fleet.node.registration import keep_alive, register
from fleet.node.scheduling import is_pending
from kube.kinds import POD, Object, ObjectKey
from kube.process import run_until
from kube.reflector import Reflector

_log = structlog.get_logger(__name__)

_SYNC_SECONDS = 60.0
_AFTER_ERROR_SECONDS = 10.0
"""Until a pod that was lost by an error in the node is started again."""


class Node:
    """Scheduler and kubelet of one cluster."""

    def __init__(self, host: Host, address_index: int, labels: dict[str, str]) -> None:
        """`address_index` is the second byte of the pods' addresses; `labels` are the Node object's."""
        self._host = host
        self._index = address_index
        self._labels = labels
        self._pods = Reflector(host.api, POD)
        self._binder = Binder(host, labels, self._pods, lambda: len(SLOTS) - len(self._taken()))
        self._runs: dict[str, PodRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_slot = 0
        self._shutting_down = False

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set and all containers have ended.

        Raises:
            ApiError, Unreachable: the node cannot be registered.
            ExceptionGroup: the cluster's objects cannot be read in time.
        """
        await register(self._host, self._labels)
        reflectors = [self._pods, *self._host.sources.reflectors.values()]
        watches = [reflector.run() for reflector in reflectors]
        try:
            await run_until(stop, *watches, keep_alive(self._host, self._labels), self._begin(reflectors))
        finally:
            await self._shut_down()

    async def _begin(self, reflectors: Sequence[Reflector]) -> None:
        async with asyncio.timeout(_SYNC_SECONDS):
            for reflector in reflectors:
                await reflector.synced.wait()
        self._adopt()
        self._pods.subscribe(self._on_pod)

    def _adopt(self) -> None:
        """Resume this node's pods, those with addresses first, and forget directories whose pods are gone."""
        mine = [pod for pod in self._pods.cache.values() if self._is_mine(pod)]
        known = {pod_directory(self._host.root, pod) for pod in mine}
        directories = pods_directory(self._host.root)
        directories.mkdir(parents=True, exist_ok=True, mode=0o700)
        for orphan in set(directories.iterdir()) - known:
            shutil.rmtree(orphan, ignore_errors=True)
        for pod in sorted(mine, key=lambda pod: "podIP" not in child(pod, "status")):
            self._start(pod)

    def _on_pod(self, _key: ObjectKey, old: Object | None, new: Object | None) -> None:
        before = self._runs.get(old["metadata"]["uid"]) if old else None
        if before and (new is None or new["metadata"]["uid"] != before.uid):
            before.remove()
        if new is None:
            return
        run = self._runs.get(new["metadata"]["uid"])
        if run:
            run.update(new)
        elif self._is_mine(new):
            self._start(new)
        elif is_pending(new):
            self._binder.consider(new)

    def _start(self, pod: Object) -> None:
        taken = self._taken()
        slot = slot_of(self._index, child(pod, "status").get("podIP"))
        if slot is None or slot in taken:
            slot = free_slot(taken, self._last_slot)
        if slot is None:
            _log.warning("a pod waits for a free address", pod=str(ObjectKey.of(pod)))
            return
        self._last_slot = slot
        run = self._runs[pod["metadata"]["uid"]] = PodRun(self._host, pod, pod_address(self._index, slot))
        task = asyncio.create_task(self._run_pod(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_pod(self, run: PodRun) -> None:
        try:
            await run.run()
        except Exception:
            _log.exception("pod lost by an error in the node", pod=str(ObjectKey.of(run.pod)))
            await asyncio.sleep(_AFTER_ERROR_SECONDS)
        finally:
            del self._runs[run.uid]
        if not self._shutting_down:
            self._start_waiting()

    def _start_waiting(self) -> None:
        """Give what has become free to pods that wait for it."""
        for key, pod in tuple(self._pods.cache.items()):
            if pod["metadata"]["uid"] not in self._runs:
                self._on_pod(key, None, pod)

    async def _shut_down(self) -> None:
        self._shutting_down = True
        await self._binder.close()
        for run in self._runs.values():
            run.shut_down()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _taken(self) -> set[int]:
        slots = {slot_of(self._index, run.address) for run in self._runs.values() if run.is_live}
        return {slot for slot in slots if slot is not None}

    def _is_mine(self, pod: Object) -> bool:
        return pod["spec"].get("nodeName") == self._host.name
