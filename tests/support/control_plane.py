"""A control plane with Karmada's kinds stood in for and a real federation controller; what tests do to it."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from api.context_revision import ContextRevision
from api.names import API_VERSION, cluster_replica_name, member_namespace
from core.values import clock
from kube.client import Api
from kube.kinds import CLUSTER, CONTEXT_REPLICA, CONTEXT_REVISION, FEDERATED_CONTEXT, NAMESPACE, Kind
from tests.support.apiserver import ApiServer
from tests.support.kinds import install, karmada_stand_ins, our_crds

SITE = "m1/pod#1"


def write_credential(apiserver: ApiServer, directory: Path) -> Path:
    """The control plane's credential as the controller's pod would have it mounted."""
    config = yaml.safe_load(apiserver.kubeconfig.read_text())
    authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    (directory / "server").write_text(apiserver.server)
    (directory / "ca.crt").write_bytes(authority)
    (directory / "token").write_text(config["users"][0]["user"]["token"])
    return directory


@asynccontextmanager
async def controller(credential: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A running federation controller."""
    environment = {**os.environ, "MCPFED_CONTROL_PLANE": str(credential), "PORT": "0"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "controllers.federation", env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


@asynccontextmanager
async def running_plane(api: Api, credential: Path) -> AsyncGenerator[Api]:
    """An API server with our kinds, one prepared member, and a running controller."""
    await install(api, *our_crds(), *karmada_stand_ins())
    await api.apply(NAMESPACE, {"metadata": {"name": "mcpfed-system"}}, "tests")
    kinds = [{"kind": "MCPContext"}, {"kind": "ContextReplica"}]
    await api.apply(CLUSTER, {"metadata": {"name": "m1"}, "spec": {}}, "tests")
    enabled = {"status": {"apiEnablements": [{"groupVersion": API_VERSION, "resources": kinds}]}}
    await api.patch(CLUSTER, None, "m1", enabled, subresource="status")
    async with controller(credential):
        await until(
            api, CLUSTER, None, "m1", lambda c: c["metadata"].get("labels", {}).get("mcpfed.io/ready") == "true"
        )
        yield api


async def until(
    api: Api, kind: Kind, namespace: str | None, name: str, holds: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """The object, as soon as it is as wanted."""
    async with asyncio.timeout(20):
        while True:
            found = await api.get(kind, namespace, name)
            if found is not None and holds(found):
                return found
            await asyncio.sleep(0.02)


async def gone(api: Api, kind: Kind, namespace: str | None, name: str) -> None:
    async with asyncio.timeout(20):
        while await api.get(kind, namespace, name) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def declare(api: Api, namespace: str, texts: dict[str, str], **spec: Any) -> None:
    items = [{"name": name, "definition": {"description": text}} for name, text in texts.items()]
    wanted = {"mcpServerName": "s", "contextType": "tools", "contextPayload": {"items": items}, **spec}
    await api.apply(FEDERATED_CONTEXT, {"metadata": {"name": "demo", "namespace": namespace}, "spec": wanted}, "tests")


def edit(item: str, text: str, millis: int, site: str = SITE, base: dict[str, Any] | None = None) -> dict[str, Any]:
    dot = {"site": site, "hlc": clock.encode(millis)}
    change = {"item": item, "content": {"definition": {"description": text}}, "dot": dot}
    return {**change, "baseDot": base} if base else change


async def propose(
    api: Api,
    namespace: str,
    *changes: dict[str, Any],
    cluster: str = "m1",
    applied: int = 0,
    site: str | None = None,
) -> None:
    """What a member controller writes."""
    state = {"site": site or f"{cluster}/pod#1", "pod": "pod", "appliedVersion": applied, "changes": list(changes)}
    spec = {"context": "demo", "contextNamespace": namespace, "cluster": cluster, "sites": [state]}
    metadata = {"name": cluster_replica_name(namespace, "demo"), "namespace": member_namespace(cluster)}
    await api.apply(CONTEXT_REPLICA, {"metadata": metadata, "spec": spec}, "tests", force=True)


def served(mcp_context: dict[str, Any]) -> dict[str, str]:
    items = mcp_context["spec"]["contextPayload"]["items"]
    return {item["name"]: item["definition"]["description"] for item in items}


def status(context: dict[str, Any]) -> dict[str, Any]:
    return context.get("status", {})


async def revisions(api: Api, namespace: str) -> list[ContextRevision]:
    found = [ContextRevision.parse(raw) for raw in await api.list(CONTEXT_REVISION, namespace)]
    return sorted(found, key=lambda revision: revision.spec.version)
