"""Bringing Karmada up on its API server: its objects and its four processes, in the order that they need."""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from fleet.clusters.karmada_objects import KarmadaObjects
from fleet.processes.health import lacking
from fleet.processes.supervisor import Process, ProcessError
from kube import kinds
from kube.client import Api
from kube.kinds import Kind, Object

FIELD_MANAGER = "mcpfed-fleet"
DIGEST_ANNOTATION = "mcpfed.io/manifests-digest"
"""On the objects applied last: the digest of everything that was applied."""

_CONDITION_SECONDS = 60.0

_API_SERVICE = Kind("apiregistration.k8s.io", "v1", "apiservices", "APIService", namespaced=False)
_WEBHOOK_KINDS = {
    name: Kind("admissionregistration.k8s.io", "v1", f"{name.lower()}s", name, namespaced=False)
    for name in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
}
_KINDS = {kind.name: kind for kind in (kinds.CRD, kinds.NAMESPACE, kinds.SERVICE, _API_SERVICE)} | _WEBHOOK_KINDS


async def start_karmada(
    kubeconfig: Path,
    objects: KarmadaObjects,
    servers: Sequence[Process],
    controllers: Sequence[Process],
    start: Callable[[Process], Awaitable[None]],
) -> None:
    """Bring Karmada to readiness; nothing is written where its objects are there already.

    `servers` (aggregated API server, webhook) need the definitions; `controllers` need everything else.
    `start` brings one process to readiness.
    """
    digest = _digest(objects)
    async with await Api.from_kubeconfig(kubeconfig) as api:
        fresh = not await _is_applied(api, objects, digest)
        if fresh:
            await _apply(api, objects.definitions)
            await _wait(api, objects.definitions, "Established")
            await _apply(api, objects.aggregation)
        await asyncio.gather(*(start(process) for process in servers))
        if fresh:
            await _apply(api, [_annotated(manifest, digest) for manifest in objects.webhooks])
        await _wait(api, [m for m in objects.aggregation if m["kind"] == "APIService"], "Available")
        await asyncio.gather(*(start(process) for process in controllers))


def _digest(objects: KarmadaObjects) -> str:
    content = [list(objects.definitions), list(objects.aggregation), list(objects.webhooks)]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


async def _is_applied(api: Api, objects: KarmadaObjects, digest: str) -> bool:
    for manifest in objects.webhooks:
        found = await api.get(_KINDS[manifest["kind"]], None, manifest["metadata"]["name"])
        if found is None or found["metadata"].get("annotations", {}).get(DIGEST_ANNOTATION) != digest:
            return False
    return True


async def _apply(api: Api, manifests: Iterable[Object]) -> None:
    for manifest in manifests:
        await api.apply(_KINDS[manifest["kind"]], manifest, FIELD_MANAGER)


async def _wait(api: Api, manifests: Iterable[Object], condition: str) -> None:
    deadline = time.monotonic() + _CONDITION_SECONDS
    for manifest in manifests:
        kind, name = _KINDS[manifest["kind"]], manifest["metadata"]["name"]
        while (reason := lacking(await api.get(kind, None, name), condition)) is not None:
            if time.monotonic() > deadline:
                msg = f"{kind.name} {name} is not {condition} after {_CONDITION_SECONDS:.0f} s: {reason}"
                raise ProcessError(msg)
            await asyncio.sleep(0.1)


def _annotated(manifest: Object, digest: str) -> Object:
    metadata = manifest["metadata"]
    annotations = metadata.get("annotations", {}) | {DIGEST_ANNOTATION: digest}
    return manifest | {"metadata": metadata | {"annotations": annotations}}
