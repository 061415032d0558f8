"""Any process may be killed, and the server rolled, in the middle of edits: all resumes by itself, nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import psutil
import pytest

from api.names import SERVER_LABEL
from controllers.runtime.kinds import DEPLOYMENT, POD
from tests.support.edits import Ledger, Write, Written, editing, file_writer
from tests.support.federation import Context, Federation, document, until
from tests.support.fleet import SERVER, LocalFleet

Find = Callable[[LocalFleet], psutil.Process | None]

VICTIMS: dict[str, Find] = {
    "federation controller": lambda fleet: fleet.container("host", "controllers.federation"),
    "context controller": lambda fleet: fleet.container(fleet.members[0], "controllers.context"),
    "agent": lambda fleet: fleet.container(fleet.members[0], "controllers.agent"),
    "MCP server": lambda fleet: fleet.container(fleet.members[0], "controllers.server"),
    "karmada-controller-manager": lambda fleet: fleet.process("karmada-controller-manager"),
    "etcd": lambda fleet: fleet.process("etcd"),
    "a member's API server": lambda fleet: fleet.process(f"{fleet.members[0]}-apiserver"),
}

EDITS = 20
"""Made before the fault, and again after it."""


def pod_writer(context: Context, federation: Federation, member: str) -> Write:
    """Writes to a pod of a member; an edit counts if the pod was not told to end before it was made."""

    async def write(item: str, text: str) -> Written:
        volumes = federation.fleet.volumes(member)
        pods = [pod for pod, volume in volumes.items() if context.is_applied_at(volume)]
        if not pods:
            return Written(member, is_certain=False)
        pod = pods[int(text.split()[-1]) % len(pods)]
        try:
            context.write(member, f"resources/{item}", text, pod)
        except (OSError, KeyError):
            return Written(pod, is_certain=False)
        found = await federation.members[member].get(POD, SERVER, pod)
        return Written(pod, is_certain=bool(found and not found["metadata"].get("deletionTimestamp")))

    return write


@pytest.mark.parametrize("victim", VICTIMS)
async def test_after_a_kill_edits_go_on_without_loss(fleet: LocalFleet, federation: Federation, victim: str) -> None:
    async with federation.context() as context:
        items = [f"{context.name}/{number}" for number in range(3)]
        await context.declare([document(item, "first") for item in items])
        await context.settled()
        ledger, find = Ledger(), VICTIMS[victim]
        sites = {member: file_writer(context, member) for member in fleet.members}
        async with editing(ledger, sites, items):
            await until(lambda: len(ledger.edits) >= EDITS and len(context.history) > 1, 15, context.explain)
            process = find(fleet)
            assert process is not None
            process.send_signal(signal.SIGKILL)
            killed = len(ledger.edits)
            await until(lambda: (now := find(fleet)) is not None and now.pid != process.pid, 60)
            await until(lambda: len(ledger.edits) >= killed + EDITS, 15)
        await context.settled(60)
        assert ledger.lost(context.history) == []


async def test_a_rolling_restart_in_the_middle_of_edits_loses_nothing(
    fleet: LocalFleet, federation: Federation
) -> None:
    async with federation.context() as context:
        items = [f"{context.name}/{number}" for number in range(3)]
        await context.declare([document(item, "first") for item in items])
        await context.settled()
        before = {member: set(fleet.volumes(member)) for member in fleet.members}
        ledger = Ledger()
        sites = {member: pod_writer(context, federation, member) for member in fleet.members}
        async with editing(ledger, sites, items):
            await until(lambda: len(ledger.edits) >= EDITS and len(context.history) > 1, 15, context.explain)
            await restart(federation)
            await until(lambda: rolled(fleet, before), 90, lambda: fleet.state.context_directories)
            rolled_at = len(ledger.edits)
            await until(lambda: len(ledger.edits) >= rolled_at + EDITS, 15)
        await context.settled(60)
        assert ledger.lost(context.history) == []
        for member, api in federation.members.items():
            pods = await api.list(POD, SERVER, f"{SERVER_LABEL}={SERVER}")
            assert {pod["metadata"]["name"] for pod in pods}.isdisjoint(before[member])


async def restart(federation: Federation) -> None:
    """What `kubectl rollout restart` does, on the template at the control plane."""
    stamp = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
    patch = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    await federation.control_plane.patch(DEPLOYMENT, SERVER, SERVER, patch, field_manager="kubectl-rollout")


def rolled(fleet: LocalFleet, before: dict[str, set[str]]) -> bool:
    """Whether every member has new pods only, and they serve."""
    return all(
        (pods := set(fleet.volumes(member))) and not pods & before[member] and SERVER in fleet.state.endpoints[member]
        for member in fleet.members
    )


async def test_a_member_without_the_control_plane_goes_on_when_it_is_back(
    fleet: LocalFleet, federation: Federation
) -> None:
    here = fleet.members[0]
    async with federation.context() as context:
        item = f"{context.name}/item"
        await context.declare([document(item, "first")])
        await context.settled()
        server = fleet.process("control-plane-apiserver")
        assert server is not None
        server.send_signal(signal.SIGSTOP)
        try:
            context.write(here, f"resources/{item}", "while it was away")
            await asyncio.sleep(1)
        finally:
            server.send_signal(signal.SIGCONT)
        await until(lambda: context.texts[item] == "while it was away", 30, context.explain)
        await context.settled()
