"""Runs one container of a pod: start, probes, restart after an end, stop."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from fleet.node.change import Change, wait_at_most
from fleet.node.checks import check
from fleet.node.health import follow_health
from fleet.node.host import Host
from fleet.node.images import ImageUnknownError
from fleet.node.layout import log_path
from fleet.node.objects import NotReadyError, UnsupportedError
from fleet.node.plan import Plan, plan_container
from fleet.node.probes import Sleep
from fleet.node.process import Process
from fleet.node.restarts import may_restart, next_delay, restart_policy
from fleet.node.status import ContainerRecord, Running, Terminated, Waiting, ended
from kube.errors import ApiError, Unreachable
from kube.kinds import Object, ObjectKey

_log = structlog.get_logger(__name__)

_RETRY_SECONDS = 5.0
"""Until the API server is asked again for what a container refers to, after it could not be asked."""
_START_FAILED = 128
_DEFAULT_GRACE_SECONDS = 30


@dataclass(eq=False)
class ContainerRun:
    """One container of one pod, over all its restarts."""

    host: Host
    pod: Callable[[], Object]
    """The pod as last seen, with its address in its status."""
    spec: Object
    init: bool
    record: ContainerRecord
    inputs: Change
    """Announced when something that the pod refers to has changed."""
    outputs: Change
    """Announced here when `record` has changed."""

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self._process: Process | None = None
        self._plan: Plan | None = None
        self._stopping = False
        self._stopped = asyncio.Event()
        self._grace: asyncio.Timeout | None = None

    async def run(self) -> bool:
        """Run the container until it may not run any more; answers whether its last run ended well."""
        delay: float | None = None
        while not self._stopping and not isinstance(self.record.state, Terminated):
            ran_for = await self._run_once()
            end = self.record.state
            policy = restart_policy(self.pod(), self.spec, init=self.init)
            if self._stopping or not isinstance(end, Terminated) or not may_restart(policy, end.exit_code):
                break
            delay = next_delay(delay, ran_for)
            await self._back_off(end, delay)
        return isinstance(self.record.state, Terminated) and self.record.state.exit_code == 0

    async def stop(self, grace_seconds: float) -> None:
        """End the container for good: preStop hook, SIGTERM, and SIGKILL when the grace period is over."""
        self._stopping = True
        self._stopped.set()
        self.inputs.announce()
        if self._process is None or self._process.has_ended:
            return
        if self._grace:  # a failed probe is ending it already
            self.hasten(grace_seconds)
            await self._process.wait()
        else:
            await self._end(self._process, grace_seconds)

    def hasten(self, grace_seconds: float) -> None:
        """Shorten the grace period of a stop under way to so many seconds from now."""
        deadline = asyncio.get_running_loop().time() + grace_seconds
        if self._grace and deadline < (self._grace.when() or deadline):
            self._grace.reschedule(deadline)

    def wait_for(self, message: str) -> None:
        """Say what keeps the container from being started."""
        if isinstance(self.record.state, Waiting):
            self._set(replace(self.record, state=replace(self.record.state, message=message)))

    async def _run_once(self) -> float:
        """One run from start to end; answers how long it lasted, seconds."""
        plan = await self._planned()
        if plan is None:
            return 0.0
        clock = asyncio.get_running_loop().time
        began, started_at = clock(), self.host.now()
        exit_code = await self._start_and_wait(plan)
        end = ended(exit_code, started_at, self.host.now())
        self._set(replace(self.record, state=end, started=False, ready=False))
        _log.info("container ended", exit_code=exit_code, **self._names())
        return clock() - began

    async def _planned(self) -> Plan | None:
        """The plan, as soon as there can be one; None if the container is stopped before."""
        while not self._stopping:
            change, retry = self.inputs.next, None
            try:
                return await plan_container(self.host, self.pod(), self.spec)
            except ImageUnknownError as error:
                never = self.spec.get("imagePullPolicy") == "Never"
                self._hold("ErrImageNeverPull" if never else "ImagePullBackOff", error)
            except (NotReadyError, UnsupportedError) as error:
                self._hold("CreateContainerConfigError", error)
            except (ApiError, Unreachable) as error:
                self._hold("CreateContainerConfigError", error)
                retry = _RETRY_SECONDS
            await wait_at_most(change, retry)
        return None

    async def _start_and_wait(self, plan: Plan) -> int:
        log = log_path(self.host.root, self.pod(), self.spec["name"])
        try:
            if log.exists():
                log.replace(log.with_name(f"{log.name}.previous"))
            process = await Process.start(plan.sandbox, log)
        except OSError as error:
            self._say("container cannot be started", error=str(error))
            return _START_FAILED
        self._process, self._plan = process, plan
        self._enter_running()
        if self._stopping:
            process.send(signal.SIGKILL)
        health = asyncio.create_task(
            follow_health(plan.probes, process, self.host.http, self._report_health, self._fail)
        )
        try:
            return await process.wait()
        finally:
            process.send(signal.SIGKILL)
            health.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await health

    def _enter_running(self) -> None:
        before = self.record
        last = before.state if isinstance(before.state, Terminated) else before.last
        restarts = before.restarts + (1 if last else 0)
        self._set(replace(before, state=Running(self.host.now()), last=last, restarts=restarts))
        _log.info("container started", restarts=restarts, **self._names())

    def _report_health(self, started: bool, ready: bool) -> None:
        if isinstance(self.record.state, Running):
            self._set(replace(self.record, started=started, ready=ready))

    async def _fail(self, probe: str) -> None:
        if self._process and not self._stopping:
            self._say("container is restarted because a probe fails", probe=probe)
            await self._end(
                self._process, self.pod()["spec"].get("terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS)
            )

    async def _end(self, process: Process, grace_seconds: float) -> None:
        try:
            async with asyncio.timeout(grace_seconds) as self._grace:
                await self._run_pre_stop(process, grace_seconds)
                process.send(signal.SIGTERM)
                await process.wait()
        except TimeoutError:
            process.send(signal.SIGKILL)
            await process.wait()
        finally:
            self._grace = None

    async def _run_pre_stop(self, process: Process, grace_seconds: float) -> None:
        hook = self._plan.pre_stop if self._plan else None
        if isinstance(hook, Sleep):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), hook.seconds)
        elif hook and not await check(hook, grace_seconds, process, self.host.http):
            self._say("preStop hook failed")

    async def _back_off(self, end: Terminated, delay: float) -> None:
        if delay > 0:
            message = f"back-off {delay:.0f}s restarting failed container={self.spec['name']}"
            self._set(replace(self.record, state=Waiting("CrashLoopBackOff", message), last=end))
            await wait_at_most(self._stopped, delay)
        else:
            self._set(replace(self.record, state=Waiting("ContainerCreating"), last=end))

    def _hold(self, reason: str, error: Exception) -> None:
        self._set(replace(self.record, state=Waiting(reason, str(error))))

    def _set(self, record: ContainerRecord) -> None:
        if record != self.record:
            self.record = record
            self.outputs.announce()

    def _say(self, event: str, **fields: str) -> None:
        _log.warning(event, **self._names(), **fields)

    def _names(self) -> dict[str, str]:
        return {"pod": str(ObjectKey.of(self.pod())), "container": self.spec["name"]}
