"""The context controller between two real API servers, with its rights alone: what goes up and what comes back."""

from __future__ import annotations

from api.names import (
    CONTEXT_LABEL,
    FEDERATION_MANAGER,
)
from core.inspection.confirm import CONFIRM_ANNOTATION
from kube.kinds import (
    CONTEXT_REPLICA,
    MCP_CONTEXT,
    Object,
)
from tests.support.member_world import (
    CONTEXT,
    World,
    eventually,
    hlc,
    is_gone,
)


async def test_each_newer_change_of_a_pod_reaches_the_control_plane(placed: World) -> None:
    async with placed.controller():
        for at in range(1, 6):
            await placed.propose("pod-0", at)
            await placed.await_changes(("pod-0", at))


async def test_all_pods_of_a_member_are_in_one_replica_with_the_contexts_address(placed: World) -> None:
    await placed.propose("pod-1", 2)
    await placed.propose("pod-0", 1)
    async with placed.controller():
        replica = await placed.await_changes(("pod-0", 1), ("pod-1", 2))
    spec = replica["spec"]
    assert (spec["context"], spec["contextNamespace"], spec["cluster"]) == (CONTEXT, placed.namespace, placed.cluster)
    assert [one["site"] for one in spec["sites"]] == [placed.site("pod-0"), placed.site("pod-1")]
    assert replica["metadata"]["labels"] == {CONTEXT_LABEL: CONTEXT}


async def test_a_decision_is_decided_status_to_the_pod_that_proposed(placed: World) -> None:
    decided = [{"site": placed.site(pod), "hlc": hlc(1)} for pod in ("pod-0", "pod-1")]
    wanted = [placed.site("pod-1")]
    async with placed.controller():
        await placed.propose("pod-0", 1)
        await placed.propose("pod-1", 1)
        replica = await placed.await_changes(("pod-0", 1), ("pod-1", 1))
        name = {"name": replica["metadata"]["name"], "namespace": placed.remote}
        status = {"metadata": name, "status": {"decided": decided, "inventoryWanted": wanted}}
        await placed.plane.apply(CONTEXT_REPLICA, status, FEDERATION_MANAGER, "status", force=True)

        async def decided_status() -> Object | None:
            own = await placed.pod_replica("pod-1")
            return (own or {}).get("status")

        status = await eventually(decided_status, "the pod's replica has a status")
        assert (status["decided"], status["inventoryWanted"]) == (decided[1:], wanted)


async def test_sites_of_another_cluster_never_reach_the_control_plane(placed: World) -> None:
    async with placed.controller():
        await placed.propose("pod-0", 1, site="elsewhere/pod-0#0badcafe")
        await placed.propose("pod-1", 2)
        replica = await placed.await_changes(("pod-1", 2))
        assert [one["site"] for one in replica["spec"]["sites"]] == [placed.site("pod-1")]
        await placed.delete_replica("pod-0")
        await eventually(lambda: is_gone(placed, "pod-0"), "a foreign word does not hold a replica")


async def test_a_context_that_is_no_longer_placed_goes_from_the_control_plane_after_its_pods(placed: World) -> None:
    async with placed.controller():
        await placed.propose("pod-0", 1)
        await placed.await_changes(("pod-0", 1))
        await placed.member.delete(MCP_CONTEXT, placed.namespace, CONTEXT)
        await placed.propose("pod-0", 2)
        await placed.await_changes(("pod-0", 2))
        await placed.delete_replica("pod-0")
        await eventually(lambda: is_gone(placed, "pod-0"), "the pod's replica is released")

        async def removed() -> bool:
            return await placed.mirrored() is None

        await eventually(removed, "the replica is removed from the control plane")


async def test_a_context_withdrawn_while_the_controller_was_down_goes_as_well(placed: World) -> None:
    async with placed.controller():
        await placed.await_changes()
    await placed.member.delete(MCP_CONTEXT, placed.namespace, CONTEXT)
    async with placed.controller():

        async def removed() -> bool:
            return await placed.mirrored() is None

        await eventually(removed, "the replica is removed from the control plane")


async def test_what_a_person_confirms_on_the_control_plane_reaches_the_pods(placed: World) -> None:
    async def confirmed(pod: str, wanted: str | None) -> bool:
        own = await placed.pod_replica(pod)
        annotations: dict[str, str] = (own["metadata"].get("annotations") or {}) if own else {}
        return annotations.get(CONFIRM_ANNOTATION) == wanted

    async with placed.controller():
        await placed.propose("pod-0", 1)
        replica = await placed.await_changes(("pod-0", 1))
        for said in ("0123456789abcdef", None):
            patch = {"metadata": {"annotations": {CONFIRM_ANNOTATION: said}}}
            await placed.plane.patch(CONTEXT_REPLICA, placed.remote, replica["metadata"]["name"], patch)
            await eventually(lambda said=said: confirmed("pod-0", said), f"the pod's replica has {said}")
        await placed.propose("pod-0", 1, 2)
        await placed.await_changes(("pod-0", 1), ("pod-0", 2))
