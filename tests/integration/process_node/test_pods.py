"""Pods on a process node: what they run in, and how their containers begin and end."""

from __future__ import annotations

from fleet.node.layout import log_path, pod_directory, volume_path
from kube.kinds import POD, Object
from tests.support.node_process import (
    SLEEP,
    Cluster,
    condition,
    is_ready,
    python,
    status_of,
    until,
    waiting,
)


async def test_a_pod_runs_with_an_address_of_its_own_and_the_usual_environment(cluster: Cluster) -> None:
    code = (
        "import os, socket; from http.server import *;"
        "print(os.environ['WHO'], os.environ['POD_IP'], os.environ['KUBERNETES_SERVICE_PORT'], socket.gethostname(),"
        " os.getuid(), os.getpid(), sorted(os.listdir('/app')), flush=True);"
        "HTTPServer((os.environ['POD_IP'], 8000), SimpleHTTPRequestHandler).serve_forever()"
    )
    env = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "WHO", "value": "pod $(POD_NAME)"},
    ]
    probe = {"httpGet": {"port": "http"}, "periodSeconds": 1}
    container = python(code, env=env, readinessProbe=probe, ports=[{"name": "http", "containerPort": 8000}])
    await cluster.create("one", container)
    await cluster.create("two", container)
    one, two = await cluster.until("one", is_ready), await cluster.until("two", is_ready)
    assert {one["status"]["podIP"], two["status"]["podIP"]} == {"127.77.1.1", "127.77.2.1"}
    address, user = one["status"]["podIP"], "65532"
    who = cluster.log(one).split()
    assert who[:3] == ["pod", "one", address]
    assert who[4:7] == ["one", user, "1"]
    assert "'controllers'" in cluster.log(one)
    assert one["status"]["phase"] == "Running"


async def test_a_sidecar_starts_before_and_ends_after_the_main_container_and_shares_its_volume(
    cluster: Cluster,
) -> None:
    volume: Object = {"name": "shared", "emptyDir": {}}
    mount = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    trace = "import time, sys, signal\ndef say(x): open('/shared/trace', 'a').write(x + '\\n')\n"
    end = "signal.signal(signal.SIGTERM, lambda *_: (say(NAME + ' ends'), sys.exit(int(sys.argv[1]))))\n"
    body = trace + end + "say(NAME + ' starts')\ntime.sleep(600)"
    started = {"exec": {"command": ["test", "-e", "/shared/trace"]}, "periodSeconds": 1, "failureThreshold": 60}
    always: Object = {"restartPolicy": "Always", "startupProbe": started}
    side = python("NAME = 'side'\n" + body, "0", name="side", **always, **mount)
    main = python("NAME = 'main'\n" + body, "7", **mount)
    await cluster.create("one", main, initContainers=[side], volumes=[volume])
    pod = await cluster.until("one", is_ready)
    trace_file = volume_path(cluster.node.root, pod, "shared") / "trace"
    await until(trace_file.read_text, lambda text: "main starts" in text)
    await cluster.api.patch(POD, cluster.namespace, "one", {"metadata": {"finalizers": ["test.mcpfed.io/hold"]}})
    await cluster.delete("one")
    ended = await cluster.until("one", lambda pod: pod["metadata"].get("deletionGracePeriodSeconds") == 0)
    assert status_of(ended)["state"]["terminated"]["exitCode"] == 7
    assert status_of(ended, "side")["state"]["terminated"]["exitCode"] == 0
    assert trace_file.read_text().split("\n")[:4] == ["side starts", "main starts", "main ends", "side ends"]
    await cluster.api.patch(POD, cluster.namespace, "one", {"metadata": {"finalizers": None}})
    await cluster.until_gone("one")
    await until(lambda: str(pod_directory(cluster.node.root, pod).exists()), lambda exists: exists == "False")


async def test_sigterm_drains_and_the_prestop_hook_comes_first(cluster: Cluster) -> None:
    volume: Object = {"name": "out", "emptyDir": {}}
    mount = {"name": "out", "mountPath": "/out"}
    code = (
        "import os, signal, sys, time\n"
        "def drain(*_):\n"
        "    print('hook', os.path.exists('/out/hook'), flush=True); time.sleep(0.5); print('drained', flush=True)\n"
        "    sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, drain)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    hook = {"preStop": {"exec": {"command": ["touch", "/out/hook"]}}}
    await cluster.create("one", python(code, lifecycle=hook, volumeMounts=[mount]), volumes=[volume])
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "up")
    await cluster.api.patch(POD, cluster.namespace, "one", {"metadata": {"finalizers": ["test.mcpfed.io/hold"]}})
    await cluster.delete("one")
    ended = await cluster.until("one", lambda pod: "terminated" in status_of(pod)["state"])
    assert status_of(ended)["state"]["terminated"]["exitCode"] == 3
    assert cluster.log(pod).split("\n")[:3] == ["up", "hook True", "drained"]
    await cluster.api.patch(POD, cluster.namespace, "one", {"metadata": {"finalizers": None}})
    await cluster.until_gone("one")


async def test_a_container_that_ignores_sigterm_is_killed_after_the_grace_period(cluster: Cluster) -> None:
    await cluster.create("one", python("import time; time.sleep(600)"), terminationGracePeriodSeconds=1)
    await cluster.until("one", is_ready)
    await cluster.api.patch(POD, cluster.namespace, "one", {"metadata": {"finalizers": ["test.mcpfed.io/hold"]}})
    await cluster.delete("one")
    ended = await cluster.until("one", lambda pod: "terminated" in status_of(pod)["state"])
    assert status_of(ended)["state"]["terminated"]["exitCode"] == 137
    await cluster.api.patch(POD, cluster.namespace, "one", {"metadata": {"finalizers": None}})
    await cluster.until_gone("one")


async def test_a_crashing_container_restarts_at_once_and_then_backs_off(cluster: Cluster) -> None:
    await cluster.create("one", python("print('run', flush=True); raise SystemExit(4)"))
    pod = await cluster.until("one", lambda pod: waiting(pod).get("reason") == "CrashLoopBackOff")
    assert status_of(pod)["restartCount"] == 1
    assert status_of(pod)["lastState"]["terminated"]["exitCode"] == 4
    assert log_path(cluster.node.root, pod, "main").with_name("main.log.previous").read_text() == "run\n"


async def test_a_pod_that_never_restarts_succeeds_or_fails(cluster: Cluster) -> None:
    await cluster.create("good", python("pass"), restartPolicy="Never")
    await cluster.create("bad", python("raise SystemExit(2)"), restartPolicy="Never")
    assert (await cluster.until("good", lambda pod: pod["status"]["phase"] == "Succeeded"))["status"]["phase"]
    bad = await cluster.until("bad", lambda pod: pod["status"]["phase"] == "Failed")
    assert status_of(bad)["state"]["terminated"]["exitCode"] == 2


async def test_init_containers_run_one_after_the_other_before_the_main_one(cluster: Cluster) -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "inner"}]}
    write = "import sys, time; time.sleep(0.2); open('/v/t', 'a').write(sys.argv[1])"
    init = [python(write, "a", name="first", **mount), python(write, "b", name="second", **mount)]
    main = python("print(open('/v/t').read(), flush=True); " + SLEEP, **mount)
    await cluster.create("one", main, initContainers=init, volumes=[{"name": "v", "emptyDir": {}}])
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "ab\n")
    assert condition(pod, "Initialized") == "True"


async def test_an_unknown_image_says_what_is_known(cluster: Cluster) -> None:
    await cluster.create("one", python("pass") | {"image": "ghcr.io/somebody/else:v1"})
    pod = await cluster.until("one", lambda pod: waiting(pod).get("reason") == "ImagePullBackOff")
    assert 'no local entry point for image "ghcr.io/somebody/else:v1"' in waiting(pod)["message"]


async def test_a_pod_for_another_kind_of_node_stays_pending_with_a_reason(cluster: Cluster) -> None:
    await cluster.create("one", python(SLEEP), nodeSelector={"kubernetes.io/os": "windows"})
    pod = await cluster.until("one", lambda pod: condition(pod, "PodScheduled") == "False")
    [scheduled] = [one for one in pod["status"]["conditions"] if one["type"] == "PodScheduled"]
    assert (scheduled["reason"], pod["status"]["phase"]) == ("Unschedulable", "Pending")
    assert "node selector" in scheduled["message"]
