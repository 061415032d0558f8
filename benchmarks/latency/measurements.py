"""The edits that are measured. Each is set up once, then makes an edit when asked to and reports how long it took."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from api.item import ContextType, ItemContent
from api.names import READY_LABEL
from benchmarks.latency.figures import Quality
from benchmarks.latency.world import (
    FIELD_MANAGER,
    LATENCY,
    SERVER,
    World,
    at,
    federated_context,
)
from core.hub.propagation import TOLERATIONS
from core.site.directory import render
from fleet.state import CONTROL_PLANE
from kube.kinds import CONFIG_MAP, FEDERATED_CONTEXT, PROPAGATION_POLICY, Object

ITEM_BYTES = 2048
"""Size of the item that is edited."""

BARE_NAMESPACE = "kube-public"
"""Where the bare writes go: every API server has it, and Karmada leaves namespaces of this kind alone."""

Times = dict[str, float]
"""Measurement → milliseconds since the edit began."""
Measure = Callable[[int], Awaitable[Times]]
"""Makes the edit of a run, given by its number."""

DECLARED = "declared edit → every MCP server's list"
PLAIN = "plain Karmada → every member"
COMMITTED = "file edit → committed revision"
BARE = "bare API: 2 writes, 2 watch hops"
SERVED = "file edit → every other MCP server's list"

QUALITIES = (
    Quality("declared edit is served", DECLARED, PLAIN, factor=1.10, allowance=20.0),
    Quality("member's edit is committed", COMMITTED, BARE, factor=1.5),
)

STAGES = {
    DECLARED: ("declared: ContextRevision seen", "declared: MCPContext seen", "declared: MCPContext in every member"),
    SERVED: (
        "file: ContextReplica seen in the member",
        "file: ContextReplica seen on the control plane",
        "file: MCPContext in every other member",
    ),
}
"""Where an edit passes by on its way; seen by a watch of the benchmark, like all that is not a list."""


async def measures(world: World) -> list[Measure]:
    """Creates what is edited, and returns what edits it."""
    return [
        await declared(world),
        await plain(world),
        await in_member(world),
        await bare(world),
    ]


async def declared(world: World) -> Measure:
    """An edit of a FederatedContext's spec, as `kubectl edit` makes it."""
    name = f"{world.name}-declared"
    await _declare(world, name)
    members, (revision, copied, placed) = world.names, STAGES[DECLARED]

    async def measure(_: int) -> Times:
        patch = {"spec": {"contextPayload": {"items": [_prompt(name, world.sightings.begin())]}}}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                world.control_plane.patch(FEDERATED_CONTEXT, SERVER, name, patch, field_manager=FIELD_MANAGER)
            )
            await world.sightings.wait([at("list", member) for member in members])
        return await _times(
            world,
            {
                revision: [at("ContextRevision", CONTROL_PLANE)],
                copied: [at("MCPContext", CONTROL_PLANE)],
                placed: [at("MCPContext", member) for member in members],
                DECLARED: [at("list", member) for member in members],
            },
        )

    return measure


async def plain(world: World) -> Measure:
    """An edit of a ConfigMap of the MCPContext's size that a policy of its own propagates."""
    name = f"{world.name}-plain"
    await world.control_plane.apply(PROPAGATION_POLICY, _policy(name), FIELD_MANAGER)
    places = [at("ConfigMap", member) for member in world.names]

    async def measure(_: int) -> Times:
        async with asyncio.TaskGroup() as tasks:
            edit = _config_map(SERVER, name, world.sightings.begin())
            tasks.create_task(world.control_plane.apply(CONFIG_MAP, edit, FIELD_MANAGER))
            await world.sightings.wait(places)
        return await _times(world, {PLAIN: places})

    await measure(0)  # the first one is scheduled, later ones are not
    return measure


async def in_member(world: World) -> Measure:
    """An edit of a prompt's file in a member, in each member by turns."""
    name = f"{world.name}-member"
    await _declare(world, name)
    proposed, collected, placed = STAGES[SERVED]

    async def measure(run: int) -> Times:
        member = world.names[run % len(world.names)]
        others = [other for other in world.names if other != member]
        _write(world.volumes[member] / name, name, world.sightings.begin())
        await world.sightings.wait([at("list", other) for other in others])
        return await _times(
            world,
            {
                proposed: [at("ContextReplica", member)],
                collected: [at("ContextReplica", CONTROL_PLANE)],
                COMMITTED: [at("ContextRevision", CONTROL_PLANE)],
                placed: [at("MCPContext", other) for other in others],
                SERVED: [at("list", other) for other in others],
            },
        )

    return measure


async def bare(world: World) -> Measure:
    """A write to a member, and when a watch there has seen it a write to the control plane, until a watch sees that."""
    name = f"{world.name}-bare"

    async def measure(run: int) -> Times:
        member = world.names[run % len(world.names)]
        edit = _config_map(BARE_NAMESPACE, name, world.sightings.begin())
        async with asyncio.TaskGroup() as tasks:
            for cluster, api in ((member, world.members[member]), (CONTROL_PLANE, world.control_plane)):
                tasks.create_task(api.apply(CONFIG_MAP, edit, FIELD_MANAGER))
                await world.sightings.wait([at("ConfigMap", cluster)])
        return await _times(world, {BARE: [at("ConfigMap", CONTROL_PLANE)]})

    return measure


async def _times(world: World, places: dict[str, Iterable[str]]) -> Times:
    """Waits for the watches, which may be behind the lists, and returns when each was there."""
    await world.sightings.wait({place for some in places.values() for place in some})
    return {name: world.sightings.milliseconds(some) for name, some in places.items()}


async def _declare(world: World, name: str) -> None:
    """Creates a context and waits until it is served everywhere."""
    context = federated_context(name, [_prompt(name, world.sightings.begin())])
    await world.control_plane.apply(FEDERATED_CONTEXT, context, FIELD_MANAGER)
    await world.sightings.wait([at("list", member) for member in world.names])


def _prompt(name: str, marker: str) -> dict[str, Any]:
    """An item of ITEM_BYTES or a little more, with the marker in what lists show."""
    text = f"{marker} ".ljust(ITEM_BYTES, "x")
    messages = [{"role": "user", "content": {"type": "text", "text": marker}}]
    return {"name": name, "definition": {"name": name, "description": text}, "messages": messages}


def _write(directory: Path, name: str, marker: str) -> None:
    """Puts an item into its file, as an editor does."""
    content = ItemContent.model_validate({key: value for key, value in _prompt(name, marker).items() if key != "name"})
    for path, file in render(ContextType.PROMPTS, name, content).items():
        (directory / path).write_bytes(file.data)


def _config_map(namespace: str, name: str, marker: str) -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": LATENCY},
        "data": {"item": f"{marker} ".ljust(ITEM_BYTES, "x")},
    }


def _policy(name: str) -> Object:
    """Places a ConfigMap as a context's MCPContext is placed."""
    selector = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "namespace": SERVER}
    return {
        "metadata": {"name": name, "namespace": SERVER, "labels": LATENCY},
        "spec": {
            "conflictResolution": "Overwrite",
            "resourceSelectors": [selector],
            "placement": {
                "clusterAffinity": {"labelSelector": {"matchLabels": {READY_LABEL: "true"}}},
                "clusterTolerations": TOLERATIONS,
            },
        },
    }
