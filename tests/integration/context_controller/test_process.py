"""The context controller as a process: its credential, its end, its rest."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncGenerator

import aiohttp
import yaml

from api.condition import READY
from api.names import (
    SYSTEM_NAMESPACE,
    member_credential,
)
from kube.kinds import (
    ROLE_BINDING,
    SERVICE_ACCOUNT,
)
from tests.support.apiserver import ApiServer
from tests.support.member_world import (
    REPOSITORY,
    World,
    eventually,
    grant_on_control_plane,
    is_gone,
)


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
