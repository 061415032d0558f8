"""`mcpfed` as people run it, and contexts to run it on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from api.names import cluster_replica_name, member_namespace
from kube.client import Api
from kube.kinds import (
    CONTEXT_REPLICA,
    FEDERATED_CONTEXT,
    MCP_CONTEXT,
)
from tests.support.control_plane import declare, edit, propose, revisions, served, until


@dataclass(frozen=True)
class Answer:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Mcpfed = Callable[..., Coroutine[Any, Any, Answer]]


async def hold(plane: Api, demo: str, version: int, chain_digest: str | None = None) -> None:
    """Reports that the member has applied a version."""
    namespace, _, name = demo.partition("/")
    revision = next(r.spec for r in await revisions(plane, namespace) if r.spec.version == version)
    site = {
        "site": "m1/pod#1",
        "pod": "pod",
        "baseVersion": version,
        "baseDigest": chain_digest or revision.chain_digest,
        "appliedVersion": version,
        "digest": revision.digest,
    }
    spec = {"context": name, "contextNamespace": namespace, "cluster": "m1", "sites": [site]}
    metadata = {"name": cluster_replica_name(namespace, name), "namespace": member_namespace("m1")}
    await plane.apply(CONTEXT_REPLICA, {"metadata": metadata, "spec": spec}, "tests", force=True)


async def in_conflict(plane: Api, namespace: str, policy: str) -> str:
    """Version 2 has one pod's change of a; in version 3 another pod's, which had not seen it, has lost."""
    await declare(plane, namespace, {"a": "1"}, conflictPolicy={"default": policy})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    await propose(plane, namespace, edit("a", "first", 9_000, base=base))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c)["a"] == "first")
    other = edit("a", "second", 9_001, site="m1/pod#2", base=base)
    site = {"site": "m1/pod#2", "pod": "pod", "changes": [other]}
    spec = {"context": "demo", "contextNamespace": namespace, "cluster": "m1", "sites": [site]}
    metadata = {"name": cluster_replica_name(namespace, "demo"), "namespace": member_namespace("m1")}
    await plane.apply(CONTEXT_REPLICA, {"metadata": metadata, "spec": spec}, "tests", force=True)
    await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: c["status"]["version"] == 3)
    return f"{namespace}/demo"


async def until_no_operator(plane: Api, namespace: str) -> None:
    async with asyncio.timeout(10):
        while await plane.list(CONTEXT_REPLICA, namespace):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
