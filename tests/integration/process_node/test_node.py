"""The process node as a member of its cluster: it registers, ends, is killed and comes back, and rests."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess

import psutil
import pytest

from fleet.node.__main__ import run_node
from kube.errors import ConfigurationError
from kube.kinds import LEASE, NODE, POD
from kube.reflector import Reflector
from tests.support.apiserver import ApiServer
from tests.support.node_process import (
    SECONDS,
    SLEEP,
    Cluster,
    condition,
    is_ready,
    python,
    status_of,
)


async def test_a_node_registers_ready_and_renews_its_lease(cluster: Cluster) -> None:
    await cluster.create("one", python(SLEEP))
    await cluster.until("one", is_ready)
    node = await cluster.api.get(NODE, None, "test-node")
    assert node
    assert condition(node, "Ready") == "True"
    lease = await cluster.api.get(LEASE, "kube-node-lease", "test-node")
    assert lease
    assert lease["spec"]["leaseDurationSeconds"] == 40


async def test_a_directory_serves_one_node_at_a_time(cluster: Cluster) -> None:
    await cluster.create("one", python(SLEEP))
    await cluster.until("one", is_ready)
    with pytest.raises(ConfigurationError, match="in use by another process node"):
        await run_node(cluster.node.arguments, asyncio.Event())


async def test_a_killed_node_leaves_no_process_and_its_successor_resumes_the_pods(cluster: Cluster) -> None:
    code = "open('/data/runs', 'a').write('x'); print(open('/data/runs').read(), flush=True); " + SLEEP
    mount = {"name": "data", "mountPath": "/data"}
    await cluster.create("one", python(code, volumeMounts=[mount]), volumes=[{"name": "data", "emptyDir": {}}])
    before = await cluster.until("one", is_ready)
    await cluster.log_with(before, "x\n")
    containers = psutil.Process(cluster.node.process_id).children(recursive=True)
    await cluster.node.end(signal.SIGKILL)
    _, alive = await asyncio.to_thread(psutil.wait_procs, containers, 10)
    assert containers
    assert alive == []
    cluster.node.start()
    after = await cluster.until("one", lambda pod: is_ready(pod) and status_of(pod)["restartCount"] == 1)
    await cluster.log_with(after, "xx\n")
    assert status_of(after)["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert after["status"]["podIP"] == before["status"]["podIP"]


async def test_a_node_that_is_told_to_end_drains_its_containers(cluster: Cluster) -> None:
    code = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('drained'), sys.exit(5)))\n"
    await cluster.create("one", python(code + "print('up', flush=True)\ntime.sleep(600)"))
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "up")
    assert await cluster.node.end(signal.SIGTERM) == 0
    assert "drained" in cluster.log(pod)
    ended = await cluster.until("one", lambda pod: "terminated" in status_of(pod)["state"])
    assert status_of(ended)["state"]["terminated"]["exitCode"] == 5
    cluster.node.start()
    await cluster.until("one", lambda pod: is_ready(pod) and status_of(pod)["restartCount"] == 1)


async def test_a_quiet_node_writes_nothing_but_heartbeats(cluster: Cluster) -> None:
    await cluster.create("one", python(SLEEP))
    pod = await cluster.until("one", is_ready)
    reflector = Reflector(cluster.api, LEASE, "kube-node-lease")
    renewed = asyncio.Event()
    reflector.subscribe(lambda _key, old, _new: renewed.set() if old else None)
    following = asyncio.create_task(reflector.run())
    await asyncio.wait_for(renewed.wait(), SECONDS)
    following.cancel()
    now = await cluster.api.get(POD, cluster.namespace, "one")
    assert now
    assert now["metadata"]["resourceVersion"] == pod["metadata"]["resourceVersion"]


async def test_kubectl_shows_what_users_expect(cluster: Cluster, apiserver: ApiServer) -> None:
    await cluster.create("one", python(SLEEP))
    await cluster.until("one", is_ready)
    environment = os.environ | {"KUBECONFIG": str(apiserver.kubeconfig)}

    def kubectl(*arguments: str) -> str:
        command = ["kubectl", "--namespace", cluster.namespace, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    rows = (await asyncio.to_thread(kubectl, "get", "pods", "--no-headers")).split()
    assert rows[:4] == ["one", "1/1", "Running", "0"]
    described = await asyncio.to_thread(kubectl, "describe", "pod", "one")
    assert "Ready:          True" in described
    nodes = (await asyncio.to_thread(kubectl, "get", "nodes", "test-node", "--no-headers")).split()
    assert nodes[:2] == ["test-node", "Ready"]
