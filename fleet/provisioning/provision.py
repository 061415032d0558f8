"""The main job of `make up`: `pulumi up` of the reference stack on the local fleet, then wait until all is served."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from api.federated_context import FederatedContext, Phase
from fleet.layout import Layout
from fleet.progress import Progress
from fleet.provisioning.discovery import make_kinds_known
from fleet.provisioning.pulumi import Pulumi, prepare, write_config, write_shell_environment
from fleet.state import CONTROL_PLANE, FleetState, read_state
from kube.client import Api
from kube.kinds import FEDERATED_CONTEXT, ObjectKey
from kube.reflector import Reflector

APPLIED_SECONDS = 240.0
"""How long contexts may take from `pulumi up` to Applied: pods must start in every member first."""
ENDPOINT_SECONDS = 30.0


class NotApplied(Exception):
    """Contexts are not served everywhere in time; the message says where and why."""


async def provision(layout: Layout, tools: Mapping[str, Path], progress: Progress) -> Pulumi:
    """Rolls the federation out and returns when every context is Applied.

    Raises:
        PulumiError: the program, a policy or an API server refused.
        NotApplied: something is not served in time.
    """
    pulumi = prepare(layout, tools)
    write_config(layout, pulumi, read_state(layout))
    write_shell_environment(layout, pulumi)
    progress.begin("pulumi up")
    await pulumi.select_stack()
    discovery = asyncio.create_task(make_kinds_known(layout, progress))
    try:
        await pulumi.up()
        await discovery
    finally:
        discovery.cancel()
    progress.end("pulumi up", "done")
    progress.begin("contexts")
    await until_applied(layout, lambda done, total: progress.advance("contexts", done, total))
    progress.end("contexts", "applied")
    await _until_published(layout)
    return pulumi


async def until_applied(layout: Layout, advance: Callable[[int, int], None]) -> None:
    """Waits until every context is Applied at its newest generation.

    Raises:
        NotApplied: the deadline passed.
    """
    async with await Api.from_kubeconfig(layout.kubeconfig(CONTROL_PLANE)) as api:
        contexts, changed = Reflector(api, FEDERATED_CONTEXT), asyncio.Event()
        contexts.subscribe(lambda key, old, new: changed.set())
        following = asyncio.create_task(contexts.run())
        deadline = time.monotonic() + APPLIED_SECONDS
        try:
            while True:
                changed.clear()
                waiting = _waiting(contexts)
                advance(len(contexts.cache) - len(waiting), len(contexts.cache))
                if contexts.synced.is_set() and contexts.cache and not waiting:
                    return
                await asyncio.wait_for(changed.wait(), max(deadline - time.monotonic(), 0))
        except TimeoutError:
            details = "\n".join(f"  {key}: {why}" for key, why in _waiting(contexts).items())
            raise NotApplied(f"not applied within {APPLIED_SECONDS:.0f} s:\n{details or '  no context'}") from None
        finally:
            following.cancel()


def _waiting(contexts: Reflector) -> dict[ObjectKey, str]:
    """The contexts that are not applied yet, and why."""
    found: dict[ObjectKey, str] = {}
    for key, raw in contexts.cache.items():
        context = FederatedContext.parse(raw)
        status, current = context.status, context.metadata.generation
        if status.phase is not Phase.APPLIED or status.observed_generation < current:
            reasons = [f"{e.cluster}: {e.reason}: {e.message}" for e in status.exceptions]
            found[key] = "; ".join([f"{status.phase}, {status.applied or '0'} clusters", *reasons])
    return found


async def _until_published(layout: Layout) -> None:
    """Waits until the endpoints of all members with MCP servers are in the fleet's state."""
    deadline = time.monotonic() + ENDPOINT_SECONDS
    while time.monotonic() < deadline and not all(_endpoints(read_state(layout)).values()):  # noqa: ASYNC110
        await asyncio.sleep(0.1)  # a file has no event to wait for


def _endpoints(state: FleetState) -> dict[str, dict[str, str]]:
    members = [name for name, entry in state.clusters.items() if entry.role == "member"]
    return {name: state.endpoints.get(name, {}) for name in members}
