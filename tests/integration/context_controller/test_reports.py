"""The context controller: what it says of the member, on both sides."""

from __future__ import annotations

import re

from api.condition import READY, STALE
from api.names import (
    MEMBER_HEARTBEAT,
)
from kube.kinds import (
    LEASE,
)
from tests.support.member_world import (
    SERVER,
    ZERO_DIGEST,
    World,
    eventually,
)


async def test_the_status_in_the_member_reports_what_its_pods_serve(placed: World) -> None:
    async with placed.controller():
        await placed.await_condition(READY, "False", "NoReplicaReady")
        await placed.propose("pod-0", applied=1)
        await placed.propose("pod-1", applied=0)
        status = await placed.await_condition(READY, "False", "Progressing")
        assert status["replicas"] == {"applied": 1, "total": 2}
        await placed.propose("pod-1", applied=1)
        status = await placed.await_condition(READY, "True", "Applied")
    assert (status["observedVersion"], status["digest"]) == (1, ZERO_DIGEST)
    assert status["replicas"] == {"applied": 2, "total": 2}


async def test_a_missing_server_is_reported_on_both_sides_until_it_is_there(world: World) -> None:
    await world.place_context()
    await world.deliver_credential("first")
    async with world.controller():
        await world.await_condition(READY, "False", "ServerNotFound")
        replica = await world.await_changes()
        (problem,) = replica["spec"]["problems"]
        assert problem["reason"] == "ServerNotFound"
        assert SERVER in problem["message"]

        await world.deploy_server()
        await world.await_condition(READY, "False", "NoReplicaReady")

        async def is_solved() -> bool:
            return not ((await world.mirrored()) or {})["spec"].get("problems")

        await eventually(is_solved, "the problem is withdrawn")


async def test_changes_that_the_control_plane_cannot_store_show_in_the_member(placed: World) -> None:
    async with placed.controller():
        await placed.propose("pod-0", 1, 2, 3, 4, size=250_000)
        await placed.await_changes(*(("pod-0", at) for at in (1, 2, 3, 4)))
        await placed.propose("pod-1", 5, 6, 7, 8, size=250_000)
        await placed.await_condition(READY, "False", "PayloadTooLarge")
        await placed.propose("pod-1", 5)
        await placed.await_condition(READY, "True", "Applied")


async def test_a_long_silence_of_the_control_plane_shows_in_the_member_and_ends(placed: World) -> None:
    async with placed.controller(heartbeat_seconds=1, silent_after_seconds=2):
        await placed.propose("pod-0", 1)
        await placed.await_condition(STALE, "False", "Reachable")
        placed.plane_line.cut()
        await placed.await_condition(STALE, "True", "NotReporting")
        await placed.await_condition(READY, "True", "Applied")
        placed.plane_line.heal()
        await placed.await_condition(STALE, "False", "Reachable")


async def test_the_member_renews_its_lease(placed: World) -> None:
    async def renewed_after(before: str) -> str | None:
        lease = await placed.plane.get(LEASE, placed.remote, MEMBER_HEARTBEAT)
        return lease["spec"]["renewTime"] if lease and lease["spec"]["renewTime"] > before else None

    async with placed.controller(heartbeat_seconds=1):
        first = await eventually(lambda: renewed_after(""), "the Lease is there")
        await eventually(lambda: renewed_after(first), "the Lease is renewed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first)
