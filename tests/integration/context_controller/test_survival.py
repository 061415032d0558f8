"""The context controller: changes outlive their pods, partitions and what a control plane forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from api.condition import READY
from api.context_replica import Inventory, SiteState
from api.names import (
    REPLICA_FINALIZER,
    cluster_replica_name,
    pod_replica_name,
)
from controllers.agent.publisher import Publisher
from controllers.agent.settings import Settings
from kube.kinds import (
    CONTEXT_REPLICA,
    Object,
)
from tests.support.member_world import (
    CONTEXT,
    HEAD,
    SERVER,
    World,
    changes_of,
    eventually,
    hlc,
    is_gone,
)
from tests.support.proxy import Proxy


@pytest.mark.parametrize("fault", [Proxy.cut, Proxy.freeze], ids=["refused", "silent"])
async def test_a_pod_deleted_in_a_partition_is_kept_until_its_change_is_safe(
    placed: World, fault: Callable[[Proxy], None]
) -> None:
    async with placed.controller(heartbeat_seconds=1):
        await placed.propose("pod-0")
        await placed.await_changes()
        fault(placed.plane_line)
        await placed.propose("pod-0", 1)
        await placed.delete_replica("pod-0")
        # The report goes on in the partition: when it has seen the pod go, the mirror has as well.
        await placed.await_condition(READY, "False", "NoReplicaReady")
        held = await placed.pod_replica("pod-0")
        assert held is not None
        assert held["metadata"]["finalizers"] == [REPLICA_FINALIZER]

        placed.plane_line.heal()
        await placed.await_changes(("pod-0", 1), seconds=10)
        await eventually(lambda: is_gone(placed, "pod-0"), "the pod's replica is released")
        await placed.await_changes(("pod-0", 1))

        await placed.place_context(version=2, decided={placed.site("pod-0"): hlc(1)})
        await placed.await_changes()


async def test_a_replica_that_a_restored_control_plane_holds_as_it_was_or_not_at_all_is_written_again(
    placed: World,
) -> None:
    async with placed.controller():
        await placed.propose("pod-0", 1)
        old = await placed.await_changes(("pod-0", 1))
        await placed.propose("pod-0", 1, 2)
        await placed.await_changes(("pod-0", 1), ("pod-0", 2))
        name = cluster_replica_name(placed.namespace, CONTEXT)
        before = {"metadata": {"namespace": placed.remote, "name": name}, "spec": old["spec"]}
        await placed.plane.apply(CONTEXT_REPLICA, before, "backup", force=True)
        await placed.await_changes(("pod-0", 1), ("pod-0", 2))

        await placed.plane.delete(CONTEXT_REPLICA, placed.remote, name)
        anew = await placed.await_changes(("pod-0", 1), ("pod-0", 2))
        assert anew["metadata"]["uid"] != old["metadata"]["uid"]


async def test_a_pods_inventory_reaches_the_control_plane_and_outlives_the_pod_until_it_is_taken_in(
    placed: World,
) -> None:
    lost = {"epoch": 0, "version": 7, "chainDigest": HEAD, "versionVector": {placed.site("pod-0"): hlc(3)}}
    name = pod_replica_name(CONTEXT, "pod-0")

    async def inventory_reported() -> bool:
        found = [SiteState.model_validate(site).inventory for site in sites_of(await placed.mirrored())]
        return found == [Inventory.model_validate(lost)]

    async with placed.controller():
        await placed.propose("pod-0")
        replica = await placed.pod_replica("pod-0")
        assert replica is not None
        sites = [{**replica["spec"]["sites"][0], "inventory": lost}]
        await placed.member.patch(CONTEXT_REPLICA, placed.namespace, name, {"spec": {"sites": sites}})
        await eventually(inventory_reported, "the inventory is on the control plane")
        await placed.delete_replica("pod-0")
        await eventually(lambda: is_gone(placed, "pod-0"), "the pod's replica is released")
        assert await inventory_reported()
        await placed.place_context(version=8, decided={placed.site("pod-0"): hlc(3)})

        async def taken_in() -> bool:
            return sites_of(await placed.mirrored()) == []

        await eventually(taken_in, "a pod that is gone is reported no more")


async def test_a_pod_that_comes_back_under_its_name_waits_until_its_forerunners_changes_are_safe(
    placed: World,
) -> None:
    environment = {
        "MCPFED_CLUSTER": placed.cluster,
        "MCPFED_SERVER": SERVER,
        "POD_NAME": "pod-0",
        "POD_UID": "11111111-2222-3333-4444-555555555555",
        "POD_NAMESPACE": placed.namespace,
        "POD_IP": "127.0.0.1",
    }
    anew = f"{placed.cluster}/pod-0#feedbeef"
    publisher = Publisher(placed.member, Settings.from_environment(environment), CONTEXT)
    async with placed.controller(heartbeat_seconds=1):
        await placed.propose("pod-0")
        await placed.await_changes()
        placed.plane_line.cut()
        await placed.propose("pod-0", 1)
        publisher.offer(SiteState(site=anew, pod="pod-0"))
        publishing = asyncio.create_task(publisher.run())

        async def held() -> bool:
            own = await placed.pod_replica("pod-0")
            return own is not None and "deletionTimestamp" in own["metadata"]

        async def its_own() -> bool:
            own = await placed.pod_replica("pod-0")
            return own is not None and own["spec"]["sites"][0]["site"] == anew

        await eventually(held, "the forerunner's replica is deleted, and held")
        assert not await its_own()
        placed.plane_line.heal()
        await eventually(its_own, "the new pod's replica is there")
        replica = await placed.await_changes(("pod-0", 1))
        await eventually(lambda: both_reported(placed, anew), "both sites are reported")
        assert changes_of(replica) == {(placed.site("pod-0"), hlc(1))}
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)


def sites_of(replica: Object | None) -> list[Object]:
    found: list[Object] = replica["spec"].get("sites", []) if replica else []
    return found


async def both_reported(world: World, anew: str) -> bool:
    replica = await world.mirrored()
    return replica is not None and {site["site"] for site in replica["spec"]["sites"]} == {world.site("pod-0"), anew}
