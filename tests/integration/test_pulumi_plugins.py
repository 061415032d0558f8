"""The real Pulumi engine with our two plugins, against a real API server with its controllers."""

import json
import os
import signal
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import yaml

from fleet.pulumi_plugins import plugin_path
from fleet.tools import PULUMI_LANGUAGE_EXECUTOR, ensure_tools
from tests.support.apiserver import ApiServer, find_tools, free_ports, running_api_server

DEADLINE = 120.0
MERGE = "application/merge-patch+json"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OPEN_SCHEMA: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CONTROLLERS = (
    "namespace-controller,garbage-collector-controller,deployment-controller,replicaset-controller,"
    "serviceaccount-controller,serviceaccount-token-controller"
)

HEADER = """
import json
import os
import pulumi
import pulumi_kubernetes as k8s

provider = k8s.Provider(
    "cluster",
    kubeconfig=pulumi.Output.secret(open(os.environ["CLUSTER"]).read()),
    cluster_identifier=os.environ.get("IDENTIFIER", "one"),
)
namespace = os.environ["NAMESPACE"]
given = json.loads(os.environ.get("GIVEN", "{}"))


def thing(name, spec, annotations=None, labels=None, cls=k8s.apiextensions.CustomResource):
    metadata = {"name": name, "namespace": namespace, "annotations": annotations, "labels": labels}
    metadata = {key: value for key, value in metadata.items() if value}
    return cls(name, api_version="test.example/v1", kind="Thing", metadata=metadata, spec=spec,
               opts=pulumi.ResourceOptions(provider=provider))
"""


def until(read: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := read()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return value


class Kube:
    """Reads and writes the cluster, apart from Pulumi."""

    def __init__(self, server: ApiServer) -> None:
        [user] = yaml.safe_load(server.kubeconfig.read_text())["users"]
        self._server = server.server
        self._token: str = user["user"]["token"]
        self._tls = ssl.create_default_context(cadata=server.authority.certificate.decode())
        self._tls.verify_flags &= ~ssl.VERIFY_X509_STRICT

    def _send(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._server + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:
            return json.load(answer)

    def get(self, path: str) -> dict[str, Any]:
        return self._send("GET", path)

    def find(self, path: str) -> dict[str, Any] | None:
        try:
            return self.get(path)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in {404, 429}:  # not there, or its storage is just being made
                return None
            raise

    def create(self, path: str, value: dict[str, Any]) -> None:
        self._send("POST", path, value)

    def patch(self, path: str, value: dict[str, Any], manager: str = "other") -> None:
        self._send("PATCH", f"{path}?fieldManager={manager}", value, MERGE)


@dataclass
class Outcome:
    code: int
    output: str


@dataclass
class Project:
    """A Pulumi project with one stack, on the cluster."""

    directory: Path
    pulumi: Path
    environment: dict[str, str]
    kube: Kube
    namespace: str
    things: str
    variables: dict[str, str] = field(default_factory=dict[str, str])

    def program(self, text: str) -> None:
        (self.directory / "__main__.py").write_text(HEADER + textwrap.dedent(text))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.pulumi), *arguments, "--non-interactive"],
            cwd=self.directory,
            env=self.environment | self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> Outcome:
        with self.start(*arguments) as process:
            try:
                output, _ = process.communicate(timeout=DEADLINE)
            finally:
                process.kill()
        return Outcome(process.returncode, output)

    def up(self, *arguments: str) -> Outcome:
        return self.run("up", "--yes", "--skip-preview", *arguments)

    def succeed(self, *arguments: str) -> str:
        outcome = self.run(*arguments)
        assert outcome.code == 0, outcome.output
        return outcome.output


@contextmanager
def controller_manager(server: ApiServer, program: Path, kube: Kube) -> Generator[None]:
    directory = server.kubeconfig.parent
    command = [
        str(program),
        f"--kubeconfig={server.kubeconfig}",
        f"--service-account-private-key-file={directory / 'service-accounts.key'}",
        f"--controllers={CONTROLLERS}",
        "--leader-elect=false",
        f"--secure-port={free_ports(1)[0]}",
        "--bind-address=127.0.0.1",
        f"--cert-dir={directory}",
    ]
    log = directory / "kube-controller-manager.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def works() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        return kube.find("/api/v1/namespaces/default/serviceaccounts/default") is not None

    try:
        until(works, "controllers run")
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    tools = find_tools()
    with ExitStack() as stack:
        server = stack.enter_context(running_api_server(tmp_path_factory.mktemp("cluster"), tools))
        kube = Kube(server)
        stack.enter_context(controller_manager(server, tools["kube-controller-manager"], kube))
        kube.create(CRDS, things_crd())
        until(lambda: kube.find("/apis/test.example/v1/things"), "the kind is served")
        yield server


def things_crd() -> dict[str, Any]:
    spec: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"spec": spec, "status": OPEN_SCHEMA}}
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"kind": "Thing", "plural": "things", "singular": "thing"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.test.example"},
        "spec": {"group": "test.example", "scope": "Namespaced", "names": names, "versions": [version]},
    }


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("pulumi")
    executor = ensure_tools([PULUMI_LANGUAGE_EXECUTOR])[PULUMI_LANGUAGE_EXECUTOR]
    plugins = plugin_path(directory / "plugins", Path(sys.executable), executor)
    (directory / "state").mkdir()
    offline = {
        "PATH": os.pathsep.join((str(plugins), os.environ.get("PATH", os.defpath))),
        "PULUMI_HOME": str(directory / "home"),
        "PULUMI_BACKEND_URL": (directory / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_CREDENTIAL_STORE": "plaintext",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    return os.environ | offline


@pytest.fixture
def project(cluster: ApiServer, environment: dict[str, str], tmp_path: Path) -> Project:
    kube = Kube(cluster)
    name = f"test-{uuid4().hex[:8]}"
    kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
    things = f"/apis/test.example/v1/namespaces/{name}/things"
    variables = {"CLUSTER": str(cluster.kubeconfig), "NAMESPACE": name}
    (tmp_path / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
    made = Project(tmp_path, find_tools()["pulumi"], environment, kube, name, things, variables)
    made.succeed("stack", "init", "dev")
    return made


EVERYTHING = """
    opts = pulumi.ResourceOptions(provider=provider)
    crd = k8s.apiextensions.v1.CustomResourceDefinition("crd", metadata={"name": "notes.full.example"}, spec={
        "group": "full.example", "scope": "Namespaced",
        "names": {"kind": "Note", "plural": "notes", "singular": "note"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}, opts=opts)
    made = k8s.core.v1.Namespace("made", metadata={"name": namespace + "-made"}, opts=opts)
    inside = pulumi.ResourceOptions(provider=provider, depends_on=[made])
    config = k8s.core.v1.ConfigMap("config", metadata={"namespace": made.metadata.name, "labels": {}},
                                   data={"key": given.get("value", "1")}, opts=opts)
    k8s.core.v1.Secret("secret", metadata={"name": "secret", "namespace": made.metadata.name},
                       string_data={"password": "correct horse"}, opts=opts)
    account = k8s.core.v1.ServiceAccount("account", opts=opts, metadata={
        "name": "account", "namespace": made.metadata.name})
    after = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[account]))  # else it is collected
    k8s.core.v1.Secret("token", type="kubernetes.io/service-account-token", opts=after, metadata={
        "name": "token", "namespace": made.metadata.name,
        "annotations": {"kubernetes.io/service-account.name": "account"}})
    k8s.apps.v1.Deployment("app", opts=inside, metadata={"name": "app", "namespace": made.metadata.name}, spec={
        "replicas": 0, "selector": {"matchLabels": {"app": "app"}}, "template": {
            "metadata": {"labels": {"app": "app"}}, "spec": {"containers": [{
                "name": "main", "image": "example", "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}]}}})
    k8s.core.v1.Service("service", opts=inside, metadata={"name": "app", "namespace": made.metadata.name},
                        spec={"selector": {"app": "app"}, "ports": [{"port": 80}]})
    k8s.apiextensions.CustomResource("note", api_version="full.example/v1", kind="Note", metadata={
        "name": "note", "namespace": made.metadata.name}, spec={"whole": 2.0, "empty": {}, "nothing": None},
        opts=pulumi.ResourceOptions(provider=provider, depends_on=[crd]))
    pulumi.export("config", config.metadata.name)
"""


def test_a_program_is_created_found_unchanged_changed_and_destroyed_without_a_trace(project: Project) -> None:
    project.program(EVERYTHING)
    project.succeed("up", "--yes")
    project.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    project.succeed("up", "--yes", "--refresh", "--skip-preview", "--expect-no-changes")
    state = project.succeed("stack", "export")
    assert "correct horse" not in state
    assert b64encode(b"correct horse").decode() not in state
    assert "client-key" not in state
    assert "token:" not in state
    note = project.kube.get(f"/apis/full.example/v1/namespaces/{project.namespace}-made/notes/note")
    assert note["spec"] == {"whole": 2, "empty": {}, "nothing": None}

    first = project.succeed("stack", "output", "config").strip()
    assert first.startswith("config-")
    project.variables["GIVEN"] = json.dumps({"value": "2"})
    project.succeed("up", "--yes", "--skip-preview")
    second = project.succeed("stack", "output", "config").strip()
    maps = f"/api/v1/namespaces/{project.namespace}-made/configmaps"
    assert project.kube.get(f"{maps}/{second}")["data"] == {"key": "2"}
    assert second != first
    assert project.kube.find(f"{maps}/{first}") is None

    project.succeed("destroy", "--yes", "--skip-preview")
    assert project.kube.find(f"/api/v1/namespaces/{project.namespace}-made") is None
    assert project.kube.find(f"{CRDS}/notes.full.example") is None


DECLARED = """
    thing("drifting", {"a": 1}, labels={"label": given.get("label", "1")})
"""


def test_a_field_that_another_manager_changed_stays_its_own(project: Project) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    project.kube.patch(path, {"spec": {"a": 99, "b": 2}})

    project.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert project.run("preview", "--refresh", "--expect-no-changes").code != 0

    project.variables["GIVEN"] = json.dumps({"label": "2"})
    refused = project.up()
    assert refused.code != 0
    assert 'Apply failed with 1 conflict: conflict with "other"' in refused.output
    assert ".spec.a" in refused.output
    live = project.kube.get(path)
    assert (live["spec"], live["metadata"]["labels"]) == ({"a": 99, "b": 2}, {"label": "1"})
    assert project.up("--refresh").code != 0


def test_what_another_manager_added_is_left_alone_and_updates_have_an_applying_manager(project: Project) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    created = {(one["manager"], one["operation"]) for one in project.kube.get(path)["metadata"]["managedFields"]}
    assert created == {("pulumi-kubernetes", "Update")}
    project.kube.patch(path, {"spec": {"b": 2}})

    project.succeed("up", "--yes", "--refresh", "--skip-preview", "--expect-no-changes")
    project.variables["GIVEN"] = json.dumps({"label": "2"})
    project.succeed("up", "--yes")
    live = project.kube.get(path)
    assert (live["spec"], live["metadata"]["labels"]) == ({"a": 1, "b": 2}, {"label": "2"})
    owners = {one["manager"]: one["operation"] for one in live["metadata"]["managedFields"]}
    assert owners.pop("other") == "Update"
    [(name, operation)] = owners.items()
    assert name.startswith("pulumi-kubernetes-")
    assert operation == "Apply"


def test_a_wait_honours_the_observed_generation_and_times_out(project: Project) -> None:
    annotations = {"pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "2"}
    project.program(f"thing('waiting', {{'a': 1}}, {annotations!r})")
    early = project.up()
    assert early.code != 0
    assert "Waiting for condition Ready=True" in early.output

    status = f"{project.things}/waiting/status"
    project.kube.patch(
        status, {"status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 0}]}}
    )
    stale = project.up()
    assert stale.code != 0
    assert "Generation 0 is less than expected 1" in stale.output

    project.kube.patch(
        status, {"status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}}
    )
    project.succeed("up", "--yes", "--skip-preview")


def test_a_new_address_of_the_same_cluster_updates_the_provider_only(project: Project, cluster: ApiServer) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    uid = project.kube.get(path)["metadata"]["uid"]

    moved = project.directory / "moved.yaml"
    moved.write_text(cluster.kubeconfig.read_text().replace("127.0.0.1", "localhost"))
    project.variables["CLUSTER"] = str(moved)
    output = project.succeed("up", "--yes", "--skip-preview")
    assert "1 updated" in output
    assert project.kube.get(path)["metadata"]["uid"] == uid

    project.variables["IDENTIFIER"] = "two"
    assert "2 to replace" in project.succeed("preview")
    replaced = project.up()
    assert replaced.code != 0
    assert "already exists" in replaced.output


def test_a_mandatory_policy_stops_the_preview(project: Project) -> None:
    project.program(DECLARED)
    pack = project.directory / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (pack / "__main__.py").write_text(
        textwrap.dedent("""
        from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

        def check(args, report):
            if args.resource_type.endswith(":Thing"):
                report("no things, please")

        PolicyPack("pack", [ResourceValidationPolicy("things", "Things", check, EnforcementLevel.MANDATORY)])
        """)
    )
    refused = project.run("preview", "--policy-pack", str(pack))
    assert refused.code != 0
    assert "no things, please" in refused.output


def test_a_destroy_waits_for_finalizers_until_its_deadline(project: Project) -> None:
    project.program("thing('held', {'a': 1}, {'pulumi.com/timeoutSeconds': '2'})")
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/held"
    project.kube.patch(path, {"metadata": {"finalizers": ["test.example/held"]}})

    held = project.run("destroy", "--yes", "--skip-preview")
    assert held.code != 0
    assert "test.example/held" in held.output

    project.kube.patch(path, {"metadata": {"finalizers": []}})
    project.succeed("destroy", "--yes", "--skip-preview")
    assert project.kube.find(path) is None


def test_an_existing_object_is_not_taken_over_and_a_patch_gives_back_only_its_own_fields(project: Project) -> None:
    path = f"{project.things}/shared"
    value = {"apiVersion": "test.example/v1", "kind": "Thing", "metadata": {"name": "shared"}, "spec": {"a": 1}}
    project.kube.create(project.things, value)
    project.program("thing('shared', {'a': 1})")
    refused = project.up()
    assert refused.code != 0
    assert "already exists" in refused.output

    project.program("thing('shared', {'b': 2}, cls=k8s.apiextensions.CustomResourcePatch)")
    project.succeed("up", "--yes", "--skip-preview")
    assert project.kube.get(path)["spec"] == {"a": 1, "b": 2}
    project.succeed("destroy", "--yes", "--skip-preview")
    assert project.kube.get(path)["spec"] == {"a": 1}


def test_an_interrupt_ends_the_engine_and_every_plugin(project: Project) -> None:
    project.program("thing('endless', {'a': 1}, {'pulumi.com/waitFor': 'condition=Never'})")
    with project.start("up", "--yes", "--skip-preview") as process:
        until(lambda: project.kube.find(f"{project.things}/endless"), "the object is created")
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 3
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_the_plugins_do_not_outlive_an_engine_that_is_killed(project: Project) -> None:
    project.program("thing('endless', {'a': 1}, {'pulumi.com/waitFor': 'condition=Never'})")
    with project.start("up", "--yes", "--skip-preview") as process:
        until(lambda: project.kube.find(f"{project.things}/endless"), "the object is created")
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


def test_a_chart_is_refused_by_name(project: Project) -> None:
    project.program("""
        k8s.helm.v3.Release("chart", chart="example", opts=pulumi.ResourceOptions(provider=provider))
    """)
    refused = project.run("preview")
    assert refused.code != 0
    assert "Helm charts" in refused.output
