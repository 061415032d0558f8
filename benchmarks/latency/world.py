"""The running fleet as the benchmark uses it: one API client per cluster, watches, MCP clients, and what it creates."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from api.names import API_VERSION, CONTEXT_LABEL
from benchmarks.latency.sightings import Sightings
from fleet.layout import Layout
from fleet.state import CONTROL_PLANE, FleetState, read_state
from kube.client import Api
from kube.kinds import (
    CONFIG_MAP,
    CONTEXT_REPLICA,
    CONTEXT_REVISION,
    FEDERATED_CONTEXT,
    MCP_CONTEXT,
    PROPAGATION_POLICY,
    Kind,
    Object,
    ObjectKey,
)
from kube.reflector import Reflector
from tests.support.mcp_clients import Watcher, listening

SERVER = "assistant"
"""The MCP server of the reference stack, and its namespace."""

BENCHMARK_LABEL = "mcpfed.io/benchmark"
LATENCY = {BENCHMARK_LABEL: "latency"}
"""On everything that the benchmark creates, so that what a killed run has left is found by the next one."""

FIELD_MANAGER = "mcpfed-benchmark"
SETTLE_SECONDS = 60.0
"""Deadline for everything that is not measured: connecting, creating, removing."""


class NoFleetError(Exception):
    """There is nothing to measure; the message says what to do."""


@dataclass(frozen=True)
class World:
    """A fleet that runs, watched from now on."""

    control_plane: Api
    members: Mapping[str, Api]
    volumes: Mapping[str, Path]
    """Member → volume of a pod of the MCP server."""
    sightings: Sightings
    name: str
    """Of this run; names of what it creates begin with it."""

    @property
    def names(self) -> list[str]:
        """The members."""
        return list(self.members)


def at(what: str, cluster: str) -> str:
    """A place at which an edit is seen."""
    return f"{what} in {cluster}"


@asynccontextmanager
async def opened(layout: Layout) -> AsyncGenerator[World]:
    """The fleet of `layout`; nothing of what the benchmark creates is left when the block ends, however it ends.

    Raises:
        NoFleetError: no fleet, or not one that this can measure.
    """
    state = _checked(read_state(layout), layout)
    async with AsyncExitStack() as stack:
        apis = {
            name: await stack.enter_async_context(await Api.from_kubeconfig(layout.absolute(entry.kubeconfig)))
            for name, entry in state.clusters.items()
            if entry.role != "host"
        }
        control_plane = apis.pop(CONTROL_PLANE)
        volumes = {name: layout.absolute(next(iter(state.context_directories[name][SERVER].values()))) for name in apis}
        name = f"latency-{uuid.uuid4().hex[:8]}"
        world = World(control_plane, apis, volumes, Sightings(name), name)
        await _remove(world)
        stack.push_async_callback(_remove, world)
        await stack.enter_async_context(_watched(world))
        for member in apis:
            await stack.enter_async_context(_listened(world, member, state.endpoints[member][SERVER]))
        yield world


def _checked(state: FleetState, layout: Layout) -> FleetState:
    members = [name for name, entry in state.clusters.items() if entry.role == "member"]
    if not members:
        raise NoFleetError(f"no local fleet in {layout.root}: run `make up` first, or set MCPFED_FLEET_DIR")
    if len(members) < 2:
        raise NoFleetError(f"{layout.root} has one member, the benchmark needs two: run `make up MEMBERS=2`")
    for name in members:
        if not (SERVER in state.endpoints.get(name, {}) and state.context_directories.get(name, {}).get(SERVER)):
            raise NoFleetError(f"the MCP server {SERVER} does not run in {name}: run `make up`")
    return state


@asynccontextmanager
async def _watched(world: World) -> AsyncGenerator[None]:
    """Watches every object of ours in every cluster."""
    plane = (CONTEXT_REPLICA, CONTEXT_REVISION, MCP_CONTEXT)
    watched = [(CONTROL_PLANE, world.control_plane, kind, CONTEXT_LABEL) for kind in plane]
    watched.append((CONTROL_PLANE, world.control_plane, CONFIG_MAP, BENCHMARK_LABEL))
    for name, api in world.members.items():
        watched += [(name, api, kind, CONTEXT_LABEL) for kind in (CONTEXT_REPLICA, MCP_CONTEXT)]
        watched.append((name, api, CONFIG_MAP, BENCHMARK_LABEL))
    reflectors = [_reflector(world, *each) for each in watched]
    following = [asyncio.create_task(reflector.run()) for reflector in reflectors]
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            await asyncio.gather(*(reflector.synced.wait() for reflector in reflectors))
        yield
    finally:
        await _cancel(following)


def _reflector(world: World, cluster: str, api: Api, kind: Kind, label: str) -> Reflector:
    reflector = Reflector(api, kind, label_selector=label)

    def look(key: ObjectKey, old: Object | None, new: Object | None) -> None:
        # The newest marker is only in objects of ours: those of other contexts cost a glance at their names.
        if new is not None and world.name in key.name:
            world.sightings.look(at(kind.name, cluster), msgspec.json.encode(new))

    reflector.subscribe(look)
    return reflector


@asynccontextmanager
async def _listened(world: World, member: str, url: str) -> AsyncGenerator[None]:
    """A client of a member's MCP server that lists the prompts again whenever they have changed."""

    async def look(watcher: Watcher, changed: str) -> None:
        if changed == "prompts":
            listed = (await watcher.client.list_prompts()).prompts
            ours = [prompt.description or "" for prompt in listed if prompt.name.startswith(world.name)]
            world.sightings.look(at("list", member), "\n".join(ours).encode())

    async with listening(url, on_change=look):
        yield


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _remove(world: World) -> None:
    """Deletes all that carries the benchmark's label and waits until the members have nothing of it any more."""
    selector, plane = f"{BENCHMARK_LABEL}=latency", world.control_plane
    async with asyncio.timeout(SETTLE_SECONDS):
        contexts = [ObjectKey.of(obj) for obj in await plane.list(FEDERATED_CONTEXT, SERVER, selector)]
        for key in contexts:
            await plane.delete(FEDERATED_CONTEXT, *key)
        for key in contexts:
            for api in (plane, *world.members.values()):
                while await api.get(MCP_CONTEXT, *key) is not None:  # noqa: ASYNC110  another process removes it
                    await asyncio.sleep(0.05)
        for api in (plane, *world.members.values()):
            for obj in await api.list(CONFIG_MAP, None, selector):
                await api.delete(CONFIG_MAP, *ObjectKey.of(obj))
        for obj in await plane.list(PROPAGATION_POLICY, SERVER, selector):
            await plane.delete(PROPAGATION_POLICY, *ObjectKey.of(obj))


def federated_context(name: str, items: list[dict[str, Any]]) -> Object:
    """A context of prompts in every member."""
    return {
        "apiVersion": API_VERSION,
        "kind": FEDERATED_CONTEXT.name,
        "metadata": {"name": name, "namespace": SERVER, "labels": LATENCY},
        "spec": {"mcpServerName": SERVER, "contextType": "prompts", "contextPayload": {"items": items}},
    }
