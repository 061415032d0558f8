"""The parts of the context controller, put together."""

from __future__ import annotations

import asyncio

from api.names import HEARTBEAT_SECONDS, STALE_AFTER_SECONDS
from controllers.context.control_plane import ControlPlane
from controllers.context.heartbeat import Heartbeat
from controllers.context.member import Member
from controllers.context.mirror import Mirror
from controllers.context.report import Report
from kube.client import Api
from kube.controller import Controller
from kube.kinds import ObjectKey
from kube.process import run_until
from kube.telemetry import TelemetryServer

REPORT_AFTER_SECONDS = 0.2
"""A revision passes through a member faster than this: its status is written once, and not in the way of serving it."""


class ContextController:
    """Follows a member and its control plane, and keeps both in step."""

    def __init__(
        self,
        api: Api,
        cluster: str,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        silent_after_seconds: float = STALE_AFTER_SECONDS,
    ) -> None:
        """Puts the parts together; nothing runs yet.

        Args:
            api: the member's own API server.
            cluster: the member's name.
            heartbeat_seconds: how often the Lease is renewed.
            silent_after_seconds: after how long the contexts' status tells that the control plane is away.
        """
        self._member = Member(api, cluster)
        self._control_plane = ControlPlane(api, cluster)
        self._heartbeat = Heartbeat(
            self._control_plane, cluster, period_seconds=heartbeat_seconds, silent_after_seconds=silent_after_seconds
        )
        mirror = Mirror(self._member, self._control_plane)
        self._mirror = Controller[ObjectKey]("mirror", mirror.reconcile)
        self._report = Controller[ObjectKey]("report", Report(self._member, mirror, self._heartbeat).reconcile)
        mirror.subscribe(self._report_soon)
        self._member.subscribe(self._mirror.queue.add)
        self._member.subscribe(self._report_soon)
        self._control_plane.subscribe(self._mirror.queue.add, self._mirror_all)
        self._heartbeat.subscribe(self._report_all, self._mirror_all)

    def ready_when(self, telemetry: TelemetryServer) -> None:
        """Registers what readiness depends on."""
        telemetry.ready_when("member followed", lambda: self._member.is_synced)
        telemetry.ready_when(f"secret {self._control_plane.secret}", lambda: self._control_plane.has_credential)
        telemetry.ready_when("control plane reached with it", lambda: self._control_plane.link is not None)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set."""
        reflectors = [*self._member.reflectors, self._control_plane.secrets]
        jobs = [*(reflector.run() for reflector in reflectors), self._control_plane.run(), self._heartbeat.run()]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
            # What reconciles ends first: work in progress still needs the link.
            await run_until(stop, self._reconcile())
            for task in tasks:
                task.cancel()

    async def _reconcile(self) -> None:
        # Before everything is read, a context that is not there yet looks like one that is gone.
        await self._member.synced()
        await asyncio.gather(self._mirror.run(), self._report.run())

    def _mirror_all(self) -> None:
        for key in self._member.context_keys():
            self._mirror.queue.add(key)

    def _report_soon(self, key: ObjectKey) -> None:
        self._report.queue.add_after(key, REPORT_AFTER_SECONDS)

    def _report_all(self) -> None:
        for key in self._member.contexts.cache:
            self._report.queue.add(key)
