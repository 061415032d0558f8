"""`python -m controllers.federation`: wires reflectors, queues and reconcilers, and runs until told to stop."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Any

from api.names import HEARTBEAT_SECONDS
from controllers.federation.contexts import ContextReconciler
from controllers.federation.members import MemberReconciler
from controllers.federation.observation import ControlPlane, binding_key, context_key, failures, utc_now
from controllers.federation.reports import ContextReporter
from controllers.federation.revision_log import context_of
from kube.client import Api
from kube.controller import Controller
from kube.errors import ConfigurationError
from kube.kinds import Object, ObjectKey
from kube.process import run, run_until
from kube.telemetry import TelemetryServer, configure_logging

PORT = 8080
CREDENTIAL = Path("/etc/mcpfed/control-plane")


async def main(stop: asyncio.Event) -> None:
    """Runs the controller."""
    configure_logging()
    directory = Path(os.environ.get("MCPFED_CONTROL_PLANE", CREDENTIAL))
    try:
        server, authority = (directory / "server").read_text().strip(), (directory / "ca.crt").read_bytes()
    except OSError as error:
        raise ConfigurationError(f"no credential for the control plane: {error}; mount its Secret there") from error
    endpoint = os.environ.get("MCPFED_CONTROL_PLANE_ENDPOINT") or server
    async with (
        await Api.from_kubeconfig(_kubeconfig(server, directory)) as api,
        TelemetryServer(os.environ.get("POD_IP", "127.0.0.1"), int(os.environ.get("PORT", PORT))) as telemetry,
    ):
        plane = ControlPlane(api)
        for reflector in plane.reflectors:
            telemetry.ready_when(reflector.kind.plural, reflector.synced.is_set)
        reports = Controller("reports", ContextReporter(plane, utc_now).reconcile)
        reconciler = ContextReconciler(plane, reports.queue.add, utc_now, lambda: secrets.token_hex(4))
        contexts = Controller("contexts", reconciler.reconcile)
        members = Controller("members", MemberReconciler(plane, endpoint, authority, utc_now).reconcile, workers=1)
        following = [reflector.run() for reflector in plane.reflectors]
        await run_until(stop, *following, _control(plane, contexts, members, reports))


async def _control(
    plane: ControlPlane,
    contexts: Controller[ObjectKey],
    members: Controller[ObjectKey],
    reports: Controller[ObjectKey],
) -> None:
    """Starts the controllers once the caches are whole: a half-known control plane decides wrongly."""
    await asyncio.gather(*(reflector.synced.wait() for reflector in plane.reflectors))
    _subscribe(plane, contexts, members)
    async with asyncio.TaskGroup() as group:
        group.create_task(contexts.run())
        group.create_task(members.run())
        group.create_task(reports.run())
        group.create_task(_watch_silence(plane, contexts))


def _subscribe(plane: ControlPlane, contexts: Controller[ObjectKey], members: Controller[ObjectKey]) -> None:
    """What wakes whom."""

    def all_contexts() -> None:
        for key in plane.contexts.cache:
            contexts.queue.add(key)

    def on_context(key: ObjectKey, old: Object | None, new: Object | None) -> None:
        contexts.queue.add(key)

    def on_owned(key: ObjectKey, old: Object | None, new: Object | None) -> None:
        contexts.queue.add(context_of(new or old or {}))

    def on_replica(key: ObjectKey, old: Object | None, new: Object | None) -> None:
        if (old or {}).get("spec") != (new or {}).get("spec"):
            contexts.queue.add(context_key(new or old or {}))

    def on_binding(key: ObjectKey, old: Object | None, new: Object | None) -> None:
        spec: Object = (new or old or {}).get("spec", {})
        resource: Object = spec.get("resource", {})
        context = ObjectKey(resource.get("namespace", ""), resource.get("name", ""))
        if key == binding_key(context) and failures(old) != failures(new):
            contexts.queue.add(context)

    def on_cluster(key: ObjectKey, old: Object | None, new: Object | None) -> None:
        # A Cluster's status beats every few seconds; only these parts matter here.
        if _facts(old) != _facts(new):
            members.queue.add(key)
            all_contexts()

    plane.contexts.subscribe(on_context)
    plane.revisions.subscribe(on_owned)
    plane.mcp_contexts.subscribe(on_owned)
    plane.policies.subscribe(on_owned)
    plane.replicas.subscribe(on_replica)
    plane.bindings.subscribe(on_binding)
    plane.clusters.subscribe(on_cluster)


async def _watch_silence(plane: ControlPlane, contexts: Controller[ObjectKey]) -> None:
    """Wakes the contexts when a member falls silent or is heard again: silence has no event."""
    before: set[str] = set()
    while True:
        stale = {cluster for cluster in plane.labels() if plane.is_stale(cluster, utc_now())}
        if stale != before:
            for key in plane.contexts.cache:
                contexts.queue.add(key)
        before = stale
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _facts(cluster: Object | None) -> Any:
    if cluster is None:
        return None
    metadata = cluster["metadata"]
    enabled = cluster.get("status", {}).get("apiEnablements")
    return metadata.get("labels", {}), metadata.get("deletionTimestamp"), enabled


def _kubeconfig(server: str, directory: Path) -> dict[str, Any]:
    return {
        "current-context": "control-plane",
        "contexts": [{"name": "control-plane", "context": {"cluster": "control-plane", "user": "controller"}}],
        "clusters": [
            {
                "name": "control-plane",
                "cluster": {"server": server, "certificate-authority": str(directory / "ca.crt")},
            }
        ],
        "users": [{"name": "controller", "user": {"tokenFile": str(directory / "token")}}],
    }


if __name__ == "__main__":
    run(main)
