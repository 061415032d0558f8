"""The context controller between two real API servers, a member and a control plane, with no more than its rights."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
import yaml
from yarl import URL

from api.condition import READY, STALE
from api.context_replica import Inventory, SiteState
from api.names import (
    CONTEXT_LABEL,
    FEDERATION_MANAGER,
    MEMBER_HEARTBEAT,
    REPLICA_FINALIZER,
    SYSTEM_NAMESPACE,
    cluster_replica_name,
    member_credential,
    member_namespace,
    pod_replica_name,
)
from controllers.agent.publisher import Publisher
from controllers.agent.settings import Settings
from controllers.runtime.client import Api
from controllers.runtime.kinds import (
    CONTEXT_REPLICA,
    LEASE,
    MCP_CONTEXT,
    NAMESPACE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Object,
)
from core.confirmation import CONFIRM_ANNOTATION
from tests.support.apiserver import ApiServer, find_tools, running_api_server
from tests.support.member_world import (
    CONTEXT,
    HEAD,
    REPOSITORY,
    SERVER,
    ZERO_DIGEST,
    World,
    changes_of,
    ensure,
    eventually,
    grant_in_member,
    grant_on_control_plane,
    hlc,
    install_crds,
)
from tests.support.proxy import Proxy, proxied


@pytest.fixture(scope="module")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The member: one of its own, because the controller looks after every context that it finds in there."""
    with running_api_server(tmp_path_factory.mktemp("member"), find_tools()) as server:
        yield server


@pytest.fixture(scope="module")
def plane_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A second API server, the control plane's."""
    with running_api_server(tmp_path_factory.mktemp("control-plane"), find_tools()) as server:
        yield server


@pytest.fixture
async def world(
    apiserver: ApiServer, plane_server: ApiServer, api: Api, namespace: str, tmp_path: Path
) -> AsyncIterator[World]:
    """A registered member with a context's server, and no credential delivered yet."""
    cluster = f"member-{secrets.token_hex(4)}"
    async with (
        await Api.from_kubeconfig(plane_server.kubeconfig) as plane,
        proxied(URL(apiserver.server).port or 0) as member_line,
        proxied(URL(plane_server.server).port or 0) as plane_line,
    ):
        await install_crds(api)
        await install_crds(plane)
        await ensure(api, NAMESPACE, {"metadata": {"name": SYSTEM_NAMESPACE}})
        await plane.create(NAMESPACE, {"metadata": {"name": member_namespace(cluster)}})
        await grant_in_member(api, cluster)
        await grant_on_control_plane(plane, cluster, "first")
        yield World(cluster, namespace, api, plane, apiserver, plane_server, member_line, plane_line, tmp_path)
        await api.delete(MCP_CONTEXT, namespace, CONTEXT)
        for replica in await api.list(CONTEXT_REPLICA, namespace):
            name = replica["metadata"]["name"]
            await api.patch(CONTEXT_REPLICA, namespace, name, {"metadata": {"finalizers": None}})
            await api.delete(CONTEXT_REPLICA, namespace, name)


@pytest.fixture
async def placed(world: World) -> World:
    """A member that serves a context and may write to the control plane."""
    await world.deploy_server()
    await world.place_context()
    await world.deliver_credential("first")
    return world


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


async def is_gone(world: World, pod: str) -> bool:
    return await world.pod_replica(pod) is None


async def test_a_decision_is_told_to_the_pod_that_proposed(placed: World) -> None:
    decided = [{"site": placed.site(pod), "hlc": hlc(1)} for pod in ("pod-0", "pod-1")]
    async with placed.controller():
        await placed.propose("pod-0", 1)
        await placed.propose("pod-1", 1)
        replica = await placed.await_changes(("pod-0", 1), ("pod-1", 1))
        name = {"name": replica["metadata"]["name"], "namespace": placed.remote}
        status = {"metadata": name, "status": {"decided": decided, "message": "told"}}
        await placed.plane.apply(CONTEXT_REPLICA, status, FEDERATION_MANAGER, "status", force=True)

        async def told() -> Object | None:
            own = await placed.pod_replica("pod-1")
            return (own or {}).get("status")

        status = await eventually(told, "the pod's replica has a status")
        assert (status["decided"], status["message"]) == (decided[1:], "told")


async def test_the_status_in_the_member_tells_what_its_pods_serve(placed: World) -> None:
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


async def test_changes_that_the_control_plane_cannot_store_show_in_the_member(placed: World) -> None:
    async with placed.controller():
        await placed.propose("pod-0", 1, 2, 3, 4, size=250_000)
        await placed.await_changes(*(("pod-0", at) for at in (1, 2, 3, 4)))
        await placed.propose("pod-1", 5, 6, 7, 8, size=250_000)
        await placed.await_condition(READY, "False", "PayloadTooLarge")
        await placed.propose("pod-1", 5)
        await placed.await_condition(READY, "True", "Applied")


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

    async def told() -> bool:
        found = [SiteState.model_validate(site).inventory for site in sites_of(await placed.mirrored())]
        return found == [Inventory.model_validate(lost)]

    async with placed.controller():
        await placed.propose("pod-0")
        replica = await placed.pod_replica("pod-0")
        assert replica is not None
        sites = [{**replica["spec"]["sites"][0], "inventory": lost}]
        await placed.member.patch(CONTEXT_REPLICA, placed.namespace, name, {"spec": {"sites": sites}})
        await eventually(told, "the inventory is on the control plane")
        await placed.delete_replica("pod-0")
        await eventually(lambda: is_gone(placed, "pod-0"), "the pod's replica is released")
        assert await told()
        await placed.place_context(version=8, decided={placed.site("pod-0"): hlc(3)})

        async def taken_in() -> bool:
            return sites_of(await placed.mirrored()) == []

        await eventually(taken_in, "nothing is told any more of a pod that is gone")


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
            await eventually(lambda said=said: confirmed("pod-0", said), f"the pod is told {said}")
        await placed.propose("pod-0", 1, 2)
        await placed.await_changes(("pod-0", 1), ("pod-0", 2))


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
        await eventually(lambda: both_told(placed, anew), "both sites are told")
        assert changes_of(replica) == {(placed.site("pod-0"), hlc(1))}
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)


def sites_of(replica: Object | None) -> list[Object]:
    found: list[Object] = replica["spec"].get("sites", []) if replica else []
    return found


async def both_told(world: World, anew: str) -> bool:
    replica = await world.mirrored()
    return replica is not None and {site["site"] for site in replica["spec"]["sites"]} == {world.site("pod-0"), anew}


async def test_a_rotated_credential_is_used_without_a_restart(placed: World) -> None:
    async with placed.controller():
        await placed.propose("pod-0", 1)
        await placed.await_changes(("pod-0", 1))
        await grant_on_control_plane(placed.plane, placed.cluster, "second")
        # A rotation is noticed also after the watch of the Secret had to begin anew.
        placed.member_line.cut()
        await asyncio.sleep(0)
        placed.member_line.heal()
        await placed.deliver_credential("second")
        await placed.plane.delete(ROLE_BINDING, placed.remote, "first")
        await placed.plane.delete(SERVICE_ACCOUNT, placed.remote, "first")
        await placed.propose("pod-0", 2)
        await placed.await_changes(("pod-0", 2), seconds=40)


async def test_a_long_silence_of_the_control_plane_shows_in_the_member_and_ends(placed: World) -> None:
    async with placed.controller(heartbeat_seconds=1, silent_after_seconds=2):
        await placed.propose("pod-0", 1)
        await placed.await_condition(STALE, "False", "Heard")
        placed.plane_line.cut()
        await placed.await_condition(STALE, "True", "NotHeardOf")
        await placed.await_condition(READY, "True", "Applied")
        placed.plane_line.heal()
        await placed.await_condition(STALE, "False", "Heard")


async def test_the_member_is_heard_of_by_its_lease(placed: World) -> None:
    async def renewed_after(before: str) -> str | None:
        lease = await placed.plane.get(LEASE, placed.remote, MEMBER_HEARTBEAT)
        return lease["spec"]["renewTime"] if lease and lease["spec"]["renewTime"] > before else None

    async with placed.controller(heartbeat_seconds=1):
        first = await eventually(lambda: renewed_after(""), "the Lease is there")
        await eventually(lambda: renewed_after(first), "the Lease is renewed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first)


async def writes(server: ApiServer) -> dict[str, float]:
    """Writes that an API server has answered so far, by kind; Leases, which are heartbeats, apart."""
    token = yaml.safe_load(server.kubeconfig.read_text())["users"][0]["user"]["token"]
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(f"{server.server}/metrics", ssl=False) as answer,
    ):
        text = await answer.text()
    found: dict[str, float] = {}
    for labels, value in re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", text, re.MULTILINE):
        named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if named["verb"] in {"POST", "PUT", "PATCH", "APPLY", "DELETE"} and named["resource"] != "leases":
            found[named["resource"]] = found.get(named["resource"], 0) + float(value)
    return found


async def test_a_steady_state_writes_nothing_but_the_lease(placed: World) -> None:
    async with placed.controller(heartbeat_seconds=1):
        await placed.propose("pod-0", 1)
        await placed.propose("pod-1")
        await placed.await_changes(("pod-0", 1))
        await placed.await_condition(READY, "True", "Applied")
        before = [await writes(placed.member_server), await writes(placed.plane_server)]
        await asyncio.sleep(10)
        after = [await writes(placed.member_server), await writes(placed.plane_server)]
    assert after == before


@contextlib.asynccontextmanager
async def process(world: World, address: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The controller as it is run in a pod, with probes at `address`."""
    kubeconfig = world.directory / "member.yaml"
    kubeconfig.write_text(yaml.safe_dump(await world.member_kubeconfig()))
    environment = {"KUBECONFIG": str(kubeconfig), "MCPFED_CLUSTER": world.cluster, "POD_IP": address}
    log = (world.directory / "controller.log").open("ab")
    command = (sys.executable, "-m", "controllers.context")
    with log:
        running = await asyncio.create_subprocess_exec(
            *command, cwd=REPOSITORY, env={**os.environ, **environment}, stderr=log
        )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await running.wait()


async def probe(address: str) -> tuple[int, str]:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://{address}:8082/readyz") as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientError:
        return 0, ""


async def is_ready(address: str) -> bool:
    return (await probe(address))[0] == 200


async def test_a_killed_controller_resumes_where_it_was(placed: World) -> None:
    address = f"127.{secrets.randbelow(250) + 2}.{secrets.randbelow(250)}.1"
    async with process(placed, address) as first:
        await placed.propose("pod-0", 1)
        await placed.await_changes(("pod-0", 1))
        first.send_signal(signal.SIGKILL)
        await first.wait()
    await placed.propose("pod-0", 1, 2)
    await placed.delete_replica("pod-0")
    await placed.propose("pod-1", 3)
    async with process(placed, address) as second:
        await placed.await_changes(("pod-0", 1), ("pod-0", 2), ("pod-1", 3))
        await eventually(lambda: is_gone(placed, "pod-0"), "the deleted pod's replica is released")
        await eventually(lambda: is_ready(address), "the process is ready")
    assert second.returncode == 0


async def test_without_a_credential_it_waits_unready_and_says_why(world: World) -> None:
    address = f"127.{secrets.randbelow(250) + 2}.{secrets.randbelow(250)}.1"
    await world.deploy_server()
    await world.place_context()
    await world.propose("pod-0", 1)
    async with process(world, address) as running:
        # The report does not need the control plane.
        await world.await_condition(READY, "True", "Applied")
        status, text = await probe(address)
        assert status == 503
        assert f"[-]secret {SYSTEM_NAMESPACE}/{member_credential(world.cluster)} failed" in text
        await world.deliver_credential("first")
        await world.await_changes(("pod-0", 1))
        await eventually(lambda: is_ready(address), "the process is ready")
    assert running.returncode == 0
    assert "body of" not in (world.directory / "controller.log").read_text()
