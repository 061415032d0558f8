"""The MCP server is rolled in the middle of edits: pods come and go, nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime

from api.names import SERVER_LABEL
from kube.kinds import DEPLOYMENT, POD
from tests.support.edits import Ledger, Write, Written, editing
from tests.support.federation import Context, Federation, document, until
from tests.support.fleet import SERVER, LocalFleet

EDITS = 20
"""Made before the restart, and again after it."""


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
