"""Wiring of the context controller: which change wakes which reconciler, and in which order all of it ends."""

from __future__ import annotations

import asyncio

from api.names import HEARTBEAT_SECONDS, STALE_AFTER_SECONDS
from controllers.context.caches import MemberCaches
from controllers.context.heartbeat import Heartbeat
from controllers.context.mirror import Mirror
from controllers.context.remote import RemoteControlPlane
from controllers.context.status import StatusReporter
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
            silent_after_seconds: after how long without an answer the contexts' status has the condition Stale.
        """
        self._caches = MemberCaches(api, cluster)
        self._remote = RemoteControlPlane(api, cluster)
        self._heartbeat = Heartbeat(
            self._remote, cluster, period_seconds=heartbeat_seconds, silent_after_seconds=silent_after_seconds
        )
        mirror = Mirror(self._caches, self._remote)
        reporter = StatusReporter(self._caches, mirror, self._heartbeat)
        self._mirrors = Controller("mirror", mirror.reconcile)
        self._reports = Controller("report", reporter.reconcile)
        mirror.subscribe(self._report_soon)
        self._caches.subscribe(self._mirrors.queue.add)
        self._caches.subscribe(self._report_soon)
        self._remote.subscribe(self._mirrors.queue.add, self._mirror_all)
        self._heartbeat.subscribe(self._report_all, self._mirror_all)

    def ready_when(self, telemetry: TelemetryServer) -> None:
        """Registers what readiness depends on."""
        telemetry.ready_when("member followed", lambda: self._caches.is_synced)
        telemetry.ready_when(f"secret {self._remote.secret}", lambda: self._remote.has_credential)
        telemetry.ready_when("control plane reached with it", lambda: self._remote.link is not None)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set."""
        reflectors = [*self._caches.reflectors, self._remote.secrets]
        jobs = [*(reflector.run() for reflector in reflectors), self._remote.run(), self._heartbeat.run()]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
            # What reconciles ends first: work in progress still needs the link.
            await run_until(stop, self._reconcile())
            for task in tasks:
                task.cancel()

    async def _reconcile(self) -> None:
        # Before everything is read, a context that is not there yet looks like one that is gone.
        await self._caches.synced()
        await asyncio.gather(self._mirrors.run(), self._reports.run())

    def _mirror_all(self) -> None:
        for key in self._caches.context_keys():
            self._mirrors.queue.add(key)

    def _report_soon(self, key: ObjectKey) -> None:
        self._reports.queue.add_after(key, REPORT_AFTER_SECONDS)

    def _report_all(self) -> None:
        for key in self._caches.contexts.cache:
            self._reports.queue.add(key)
