"""The process node against a real API server: pods as a user sees them through it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from controllers.runtime.client import Api
from controllers.runtime.errors import ConfigurationError
from controllers.runtime.kinds import CONFIG_MAP, LEASE, NODE, POD, SECRET, SERVICE_ACCOUNT, Object, ObjectKey
from controllers.runtime.reflector import Reflector
from fleet.node.__main__ import Arguments, run_node
from fleet.node.layout import log_path, pod_directory, volume_path
from fleet.node.tokens import PodTokens
from fleet.node.volumes import TokenClaim
from tests.support.apiserver import ApiServer

IMAGE = "mcp-federation:test"
SECONDS = 60.0
SLEEP = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(600)"


class NodeProcess:
    """`python -m fleet.node`, which can be killed and started again."""

    def __init__(self, kubeconfig: Path, root: Path) -> None:
        self.root = root
        self._command_line = ["--cluster", "test", "--kubeconfig", str(kubeconfig), "--address-index", "77"]
        self.arguments = Arguments(cluster="test", kubeconfig=kubeconfig, address_index=77, root=root)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "fleet.node", *self._command_line, "--root", str(self.root)]
        with (self.root / "node.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    async def end(self, number: signal.Signals) -> int:
        assert self._process
        self._process.send_signal(number)
        return await asyncio.to_thread(self._process.wait, 30)

    @property
    def process_id(self) -> int:
        assert self._process
        return self._process.pid


class Cluster:
    """What a test does with pods of its own namespace."""

    def __init__(self, api: Api, namespace: str, node: NodeProcess) -> None:
        self.api, self.namespace, self.node = api, namespace, node
        self.pods = Reflector(api, POD, namespace)
        self._wake = asyncio.Event()
        self.pods.subscribe(lambda _key, _old, _new: self._wake.set())

    async def create(self, name: str, *containers: Object, **spec: Any) -> None:
        usual = {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 5}
        pod = {
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": usual | spec | {"containers": containers},
        }
        await self.api.create(POD, pod)

    async def until(self, name: str, condition: Callable[[Object], bool], seconds: float = SECONDS) -> Object:
        """The pod, as soon as the condition holds."""
        key = ObjectKey(self.namespace, name)
        try:
            async with asyncio.timeout(seconds):
                while (pod := self.pods.cache.get(key)) is None or not condition(pod):
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            log = (self.node.root / "node.log").read_text()[-3000:]
            pytest.fail(f"pod after {seconds} s: {self.pods.cache.get(key)}\nnode: {log}")
        return pod

    async def until_gone(self, name: str) -> None:
        async with asyncio.timeout(SECONDS):
            while ObjectKey(self.namespace, name) in self.pods.cache:
                self._wake.clear()
                await self._wake.wait()

    async def delete(self, name: str, grace_seconds: int | None = None) -> None:
        body = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        await self.api.request("DELETE", POD.path(self.namespace, name), body)

    def log(self, pod: Object, container: str = "main") -> str:
        return log_path(self.node.root, pod, container).read_text()

    async def log_with(self, pod: Object, text: str, container: str = "main") -> str:
        """The container's log, as soon as it holds the text."""
        return await until(lambda: self.log(pod, container), lambda log: text in log)


async def until(read: Callable[[], str], condition: Callable[[str], bool]) -> str:
    """What `read` gives, as soon as it meets the condition; files have no watch here, so it looks again and again."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(FileNotFoundError):
                if condition(value := read()):
                    return value
            await asyncio.sleep(0.02)


@pytest.fixture
def node(apiserver: ApiServer, tmp_path: Path) -> NodeProcess:
    return NodeProcess(apiserver.kubeconfig, tmp_path)


@pytest.fixture
async def cluster(api: Api, namespace: str, node: NodeProcess) -> AsyncIterator[Cluster]:
    await api.create(SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": namespace}})
    node.start()
    cluster = Cluster(api, namespace, node)
    watching = asyncio.create_task(cluster.pods.run())
    await cluster.pods.synced.wait()
    yield cluster
    watching.cancel()
    for name in [key.name for key in cluster.pods.cache]:
        await cluster.delete(name, 0)
    await node.end(signal.SIGTERM)


def python(code: str, *arguments: str, **spec: Any) -> Object:
    """A container that runs this code."""
    return {"name": "main", "image": IMAGE, "command": ["python", "-c", code], "args": list(arguments)} | spec


def is_ready(pod: Object) -> bool:
    return condition(pod, "Ready") == "True"


def condition(pod: Object, kind: str) -> str | None:
    return {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}.get(kind)


def status_of(pod: Object, container: str = "main") -> Object:
    statuses = [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]
    return {one["name"]: one for one in statuses}.get(container, {})


def waiting(pod: Object, container: str = "main") -> Object:
    return status_of(pod, container).get("state", {}).get("waiting", {})


async def test_a_node_registers_ready_and_renews_its_lease(cluster: Cluster) -> None:
    await cluster.create("one", python(SLEEP))
    await cluster.until("one", is_ready)
    node = await cluster.api.get(NODE, None, "test-node")
    assert node
    assert condition(node, "Ready") == "True"
    lease = await cluster.api.get(LEASE, "kube-node-lease", "test-node")
    assert lease
    assert lease["spec"]["leaseDurationSeconds"] == 40


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


async def test_a_secret_volume_follows_its_secret_atomically(cluster: Cluster) -> None:
    secret: Object = {"metadata": {"name": "s", "namespace": cluster.namespace}, "stringData": {"a": "1", "b": "1"}}
    await cluster.api.create(SECRET, secret)
    volume: Object = {"name": "secret", "secret": {"secretName": "s", "defaultMode": 0o400}}
    code = (
        "import os, time\n"
        "while True:\n"
        "  d = os.open('/secret/..data', os.O_PATH)\n"
        "  a, b = (open(f'/proc/self/fd/{d}/{n}').read() for n in 'ab')\n"
        "  print(a, b, flush=True); time.sleep(0.01)\n"
    )
    await cluster.create(
        "one", python(code, volumeMounts=[{"name": "secret", "mountPath": "/secret"}]), volumes=[volume]
    )
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "1 1")
    await cluster.api.patch(SECRET, cluster.namespace, "s", {"stringData": {"a": "2", "b": "2"}})
    seen = set((await cluster.log_with(pod, "2 2")).splitlines())
    assert seen == {"1 1", "2 2"}


async def test_a_projected_token_authenticates_its_service_account(cluster: Cluster, apiserver: ApiServer) -> None:
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    volume: Object = {"name": "access", "projected": {"sources": sources}}
    mount = {"name": "access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    await cluster.create("one", python(SLEEP, volumeMounts=[mount]), volumes=[volume])
    pod = await cluster.until("one", is_ready)
    access = volume_path(cluster.node.root, pod, "access")
    async with await Api.from_kubeconfig(apiserver.kubeconfig_for(token=(access / "token").read_text())) as own:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await own.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    user = answer["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{cluster.namespace}:default"
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["one"]
    assert (access / "namespace").read_text() == cluster.namespace


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


async def test_a_pod_waits_for_a_missing_secret_and_starts_when_it_appears(cluster: Cluster) -> None:
    volume: Object = {"name": "late", "secret": {"secretName": "late"}}
    env = [{"name": "FROM", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "from"}}}]
    code = "import os; print(os.environ['FROM'], open('/late/key').read(), flush=True); " + SLEEP
    mount = {"name": "late", "mountPath": "/late"}
    await cluster.create("one", python(code, env=env, volumeMounts=[mount]), volumes=[volume])
    pod = await cluster.until("one", lambda pod: "message" in waiting(pod))
    assert pod["status"]["phase"] == "Pending"
    assert waiting(pod)["reason"] == "ContainerCreating"
    assert 'secret "late" not found' in waiting(pod)["message"]
    named = {"metadata": {"name": "late", "namespace": cluster.namespace}}
    await cluster.api.create(SECRET, named | {"data": {"key": base64.b64encode(b"secret").decode()}})
    pod = await cluster.until("one", lambda pod: waiting(pod).get("reason") == "CreateContainerConfigError")
    assert 'configmap "late" not found' in waiting(pod)["message"]
    await cluster.api.create(CONFIG_MAP, named | {"data": {"from": "configmap"}})
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "configmap secret")


async def test_an_unknown_image_says_what_is_known(cluster: Cluster) -> None:
    await cluster.create("one", python("pass") | {"image": "ghcr.io/somebody/else:v1"})
    pod = await cluster.until("one", lambda pod: waiting(pod).get("reason") == "ImagePullBackOff")
    assert 'no local entry point for image "ghcr.io/somebody/else:v1"' in waiting(pod)["message"]


async def test_labels_follow_in_a_downward_volume_and_the_root_can_be_read_only(cluster: Cluster) -> None:
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    volume: Object = {"name": "me", "downwardAPI": {"items": items}}
    code = "import os\ntry: open('/x', 'w')\nexcept OSError as error: print(error.strerror, os.getuid(), flush=True)\n"
    mount = {"name": "me", "mountPath": "/etc/me"}
    context = {"readOnlyRootFilesystem": True, "runAsUser": 1234}
    await cluster.create("one", python(code + SLEEP, volumeMounts=[mount], securityContext=context), volumes=[volume])
    pod = await cluster.until("one", is_ready)
    await cluster.log_with(pod, "Read-only file system 1234\n")
    await cluster.api.patch(POD, cluster.namespace, "one", {"metadata": {"labels": {"new": "label"}}})
    labels = volume_path(cluster.node.root, pod, "me") / "labels"
    await until(labels.read_text, lambda text: text == 'new="label"')


async def test_a_pod_for_another_kind_of_node_stays_pending_with_a_reason(cluster: Cluster) -> None:
    await cluster.create("one", python(SLEEP), nodeSelector={"kubernetes.io/os": "windows"})
    pod = await cluster.until("one", lambda pod: condition(pod, "PodScheduled") == "False")
    [scheduled] = [one for one in pod["status"]["conditions"] if one["type"] == "PodScheduled"]
    assert (scheduled["reason"], pod["status"]["phase"]) == ("Unschedulable", "Pending")
    assert "node selector" in scheduled["message"]


async def test_tokens_are_renewed_at_four_fifths_of_their_life(cluster: Cluster) -> None:
    await cluster.create("one", python(SLEEP))
    pod = await cluster.until("one", is_ready)
    clock = [time.time()]
    tokens, claim = PodTokens(cluster.api, lambda: clock[0]), TokenClaim(None, 600)
    first = await tokens.current(pod, [claim])
    remaining = tokens.seconds_to_renewal()
    assert remaining
    assert 470 < remaining < 490
    clock[0] += 460
    assert await tokens.current(pod, [claim]) == first
    clock[0] += 30
    assert await tokens.current(pod, [claim]) != first


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
