"""Probes of pods on a process node."""

from __future__ import annotations

from fleet.node.layout import volume_path
from kube.kinds import Object
from tests.support.node_process import (
    SLEEP,
    Cluster,
    is_ready,
    python,
    status_of,
)


async def test_a_pod_is_ready_while_its_probe_passes(cluster: Cluster) -> None:
    probe = {"exec": {"command": ["test", "-e", "/flag/up"]}, "periodSeconds": 1, "failureThreshold": 1}
    volume: Object = {"name": "flag", "emptyDir": {}}
    mount = {"name": "flag", "mountPath": "/flag"}
    await cluster.create("one", python(SLEEP, readinessProbe=probe, volumeMounts=[mount]), volumes=[volume])
    pod = await cluster.until("one", lambda pod: status_of(pod).get("started", False))
    assert not is_ready(pod)
    flag = volume_path(cluster.node.root, pod, "flag") / "up"
    flag.touch()
    await cluster.until("one", is_ready)
    flag.unlink()
    await cluster.until("one", lambda pod: not is_ready(pod))


async def test_a_failing_liveness_probe_restarts_the_container(cluster: Cluster) -> None:
    probe = {"tcpSocket": {"port": 1}, "periodSeconds": 1, "failureThreshold": 2}
    await cluster.create("one", python(SLEEP, livenessProbe=probe), restartPolicy="Always")
    pod = await cluster.until("one", lambda pod: status_of(pod).get("restartCount", 0) >= 1)
    assert status_of(pod)["lastState"]["terminated"]["exitCode"] == 0


async def test_a_startup_probe_holds_the_others_back(cluster: Cluster) -> None:
    code = "import time; time.sleep(1.5); open('/tmp/up', 'w').close(); time.sleep(600)"
    up = {"exec": {"command": ["test", "-e", "/tmp/up"]}}
    startup = up | {"periodSeconds": 1, "failureThreshold": 30}
    liveness = up | {"periodSeconds": 1, "failureThreshold": 1}
    await cluster.create("one", python(code, startupProbe=startup, livenessProbe=liveness))
    pod = await cluster.until("one", is_ready)
    assert status_of(pod)["restartCount"] == 0
