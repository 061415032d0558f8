"""`python -m controllers.federation`: wires caches, queues and reconcilers, and runs until it is stopped."""

import asyncio
import os
import secrets

from controllers.federation.caches import ControlPlaneCaches
from controllers.federation.commits import Committer
from controllers.federation.contexts import ContextReconciler
from controllers.federation.member_tokens import MemberTokens
from controllers.federation.members import MemberReconciler
from controllers.federation.reports import ContextReporter
from controllers.federation.settings import Settings
from controllers.federation.triggers import Triggers
from controllers.wall_clock import utc_now
from kube.client import Api
from kube.controller import Controller
from kube.process import run, run_until
from kube.telemetry import TelemetryServer, configure_logging


async def main(stop: asyncio.Event) -> None:
    """Runs the controller with its settings from the environment."""
    configure_logging()
    settings = Settings.from_environment(os.environ)
    async with (
        await Api.from_kubeconfig(settings.kubeconfig) as api,
        TelemetryServer(settings.host, settings.port) as telemetry,
    ):
        caches = ControlPlaneCaches(api)
        for reflector in caches.reflectors:
            telemetry.ready_when(reflector.kind.plural, reflector.synced.is_set)
        following = [reflector.run() for reflector in caches.reflectors]
        await run_until(stop, *following, _reconcile(caches, settings))


async def _reconcile(caches: ControlPlaneCaches, settings: Settings) -> None:
    """Starts the reconcilers once the caches are whole: a half-known control plane decides wrongly."""
    reports = Controller("reports", ContextReporter(caches, utc_now).reconcile)
    committer = Committer(caches, utc_now, draw=lambda: secrets.token_hex(4))
    contexts = Controller("contexts", ContextReconciler(caches, committer, reports.queue.add).reconcile)
    tokens = MemberTokens(caches.api, settings.endpoint, settings.authority, utc_now)
    members = Controller("members", MemberReconciler(caches, tokens).reconcile, workers=1)
    await asyncio.gather(*(reflector.synced.wait() for reflector in caches.reflectors))
    triggers = Triggers(caches, contexts.queue, members.queue)
    triggers.subscribe()
    async with asyncio.TaskGroup() as group:
        for job in (contexts.run(), members.run(), reports.run(), triggers.watch_silence(utc_now)):
            group.create_task(job)


if __name__ == "__main__":
    run(main)
