"""Runs one pod from its binding to the removal of its directory."""

import asyncio
import shutil
from collections.abc import Callable

import structlog

from fleet.node.adoption import initial_record
from fleet.node.change import Change, wait_at_most
from fleet.node.container import ContainerRun
from fleet.node.host import Host
from fleet.node.layout import pod_directory
from fleet.node.objects import NotReadyError, Reference, UnsupportedError, child, children, references
from fleet.node.pod_volumes import PodVolumes
from fleet.node.restarts import is_sidecar
from fleet.node.status import HOST_ADDRESS, PodRecord, is_finished, pod_status
from kube.errors import ApiError, NotFound, Unreachable
from kube.kinds import POD, Object, ObjectKey

_log = structlog.get_logger(__name__)

SHUTDOWN_GRACE_SECONDS = 15.0
"""What containers get at most when the node itself ends; within the time that its own process has then."""
_MIN_GRACE_SECONDS = 2.0
"""What a sidecar gets after main containers that have used up the pod's grace period."""
_RETRY_SECONDS = 2.0
"""Between attempts at something that the API server has refused or not answered."""


class PodRun:
    """One pod on this node."""

    def __init__(self, host: Host, pod: Object, address: str) -> None:
        self._host = host
        self.uid: str = pod["metadata"]["uid"]
        self.address = address
        """Its own loopback address."""
        self._reported = child(pod, "status")
        self._start_time: str = self._reported.get("startTime") or host.now()
        self.pod = self._with_address(pod)
        """The pod as last seen, with its address in its status."""
        self._inputs, self._outputs = Change(), Change()
        self._filled = self._gone = self._shutting_down = False
        self._volumes = PodVolumes(host)
        self._init = [self._container(spec, init=True) for spec in children(pod["spec"], "initContainers")]
        self._main = [self._container(spec, init=False) for spec in pod["spec"]["containers"]]
        self._sidecar_tasks: list[asyncio.Task[bool]] = []

    @property
    def is_live(self) -> bool:
        """Whether the pod still uses its address."""
        return not is_finished(self.pod) and not self._gone

    def update(self, pod: Object) -> None:
        """Take in a newer version of the pod."""
        before, self.pod = self.pod, self._with_address(pod)
        if "deletionTimestamp" in pod["metadata"]:
            self._hasten()
        if any(before["metadata"].get(part) != pod["metadata"].get(part) for part in ("labels", "annotations")):
            self._inputs.announce()

    def remove(self) -> None:
        """The pod object is gone: end what still runs, then remove the directory."""
        self._gone = True
        self._hasten()

    def shut_down(self) -> None:
        """The node ends: end the containers, keep everything else for its return."""
        self._shutting_down = True
        self._outputs.announce()

    async def run(self) -> None:
        """Run the pod until it is gone, or the node shuts down."""
        self._host.sources.listen(self._on_source)
        reporter = asyncio.create_task(self._report_changes())
        try:
            if not is_finished(self.pod) and not self._ending():
                await self._live()
            await self._until(self._ending)
        finally:
            self._host.sources.ignore(self._on_source)
            reporter.cancel()
            await asyncio.wait({reporter})
        if not self._gone:
            await self._report()
        if not self._shutting_down:
            await self._release()
        if self._gone:
            shutil.rmtree(pod_directory(self._host.root, self.pod), ignore_errors=True)

    async def _live(self) -> None:
        """From empty volumes to the end of the last process."""
        volumes = asyncio.create_task(self._keep_volumes())
        work = asyncio.create_task(self._run_containers())
        for task in (volumes, work):
            task.add_done_callback(lambda _: self._outputs.announce())
        try:
            await self._until(lambda: work.done() or volumes.done() or self._ending())
            if volumes.done():
                volumes.result()  # it never ends but by an error
            deadline = self._now() + self._grace_seconds()
            await asyncio.gather(*(run.stop(self._grace_seconds()) for run in self._to_stop_first()))
            await work
            for sidecar in reversed(self._sidecars()):
                await sidecar.stop(max(deadline - self._now(), _MIN_GRACE_SECONDS))
            await asyncio.gather(*self._sidecar_tasks)
        finally:
            tasks = {volumes, work, *self._sidecar_tasks}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _run_containers(self) -> None:
        """Init containers in their order, then the main ones together, until they have ended for good."""
        await self._until(lambda: self._filled or self._ending())
        for run in self._init:
            if self._ending() or not await self._initialize(run):
                return
        if not self._ending():
            await asyncio.gather(*(run.run() for run in self._main))

    async def _initialize(self, run: ContainerRun) -> bool:
        if not is_sidecar(run.spec):
            return await run.run()
        self._sidecar_tasks.append(asyncio.create_task(run.run()))
        await self._until(lambda: run.record.started or self._ending())
        return True

    async def _keep_volumes(self) -> None:
        """Fill the volumes, again whenever what is in them changes or a token is due."""
        while True:
            change = self._inputs.next
            try:
                await self._volumes.fill(self.pod)
                self._release_containers()
                seconds = self._volumes.seconds_to_renewal()
            except (NotReadyError, UnsupportedError) as error:
                self._hold(error)
                seconds = None
            except (ApiError, Unreachable, OSError) as error:
                self._hold(error)
                seconds = _RETRY_SECONDS
            await wait_at_most(change, seconds)

    def _hasten(self) -> None:
        for run in (*self._main, *self._init):
            run.hasten(self._grace_seconds())
        self._outputs.announce()

    def _hold(self, error: Exception) -> None:
        if self._filled:
            self._say("volumes keep their content", reason=str(error))
            return
        for run in (*self._init, *self._main):
            run.wait_for(str(error))

    def _release_containers(self) -> None:
        if not self._filled:
            self._filled = True
            for run in (*self._init, *self._main):
                run.wait_for("")
            self._outputs.announce()

    async def _report_changes(self) -> None:
        while True:
            change = self._outputs.next
            await self._report()
            await change.wait()

    async def _report(self) -> None:
        """Write the status if it differs from what was written last."""
        while not self._gone:
            status = pod_status(self.pod, self._record(), self._reported, self._host.now())
            if status == self._reported:
                return
            try:
                await self._patch_status(status)
            except NotFound:
                return
            except (ApiError, Unreachable) as error:
                self._say("status cannot be written", reason=str(error))
                if self._shutting_down:
                    return
                await asyncio.sleep(_RETRY_SECONDS)

    async def _patch_status(self, status: Object) -> None:
        metadata = self.pod["metadata"]
        patch = {"metadata": {"uid": self.uid}, "status": status}
        await self._host.api.patch(POD, metadata["namespace"], metadata["name"], patch, "status")
        self._reported = status
        self.pod = self.pod | {"status": child(self.pod, "status") | status}

    async def _release(self) -> None:
        """Tell the API server that nothing runs any more, and wait until the object is gone; others may hold it."""
        path = POD.path(self.pod["metadata"]["namespace"], self.pod["metadata"]["name"])
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        while not self._gone and not self._shutting_down:
            change = self._outputs.next
            try:
                await self._host.api.request("DELETE", path, body)
            except NotFound:
                pass
            except (ApiError, Unreachable) as error:
                self._say("pod cannot be released", reason=str(error))
                await wait_at_most(change, _RETRY_SECONDS)
                continue
            await self._until(lambda: self._gone or self._shutting_down)

    def _container(self, spec: Object, *, init: bool) -> ContainerRun:
        record = initial_record(self.pod, spec, init=init, now=self._host.now())
        return ContainerRun(self._host, lambda: self.pod, spec, init, record, self._inputs, self._outputs)

    def _record(self) -> PodRecord:
        init, main = [run.record for run in self._init], [run.record for run in self._main]
        return PodRecord(self.address, self._start_time, init, main)

    def _with_address(self, pod: Object) -> Object:
        own = {"podIP": self.address, "podIPs": [{"ip": self.address}], "hostIP": HOST_ADDRESS}
        return pod | {"status": child(pod, "status") | own}

    def _ending(self) -> bool:
        return self._gone or self._shutting_down or "deletionTimestamp" in self.pod["metadata"]

    def _grace_seconds(self) -> float:
        if self._gone:
            return _MIN_GRACE_SECONDS
        default: float = self.pod["spec"].get("terminationGracePeriodSeconds", 30)
        grace: float = self.pod["metadata"].get("deletionGracePeriodSeconds", default)
        return min(grace, SHUTDOWN_GRACE_SECONDS) if self._shutting_down else grace

    def _sidecars(self) -> list[ContainerRun]:
        return [run for run in self._init if is_sidecar(run.spec)]

    def _to_stop_first(self) -> list[ContainerRun]:
        return [*(run for run in self._init if not is_sidecar(run.spec)), *self._main]

    def _on_source(self, reference: Reference) -> None:
        if reference in references(self.pod):
            self._inputs.announce()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._outputs.next.wait()

    def _say(self, event: str, **fields: str) -> None:
        _log.warning(event, pod=str(ObjectKey.of(self.pod)), **fields)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
