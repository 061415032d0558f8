"""A Pulumi project with the real engine and provider, on a real API server with its controllers."""

from __future__ import annotations

import json
import ssl
import subprocess
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.apiserver import ApiServer, free_ports

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
    annotations = {"pulumi.com/patchFieldManager": "mcpfed-iac", **(annotations or {})}
    metadata = {"name": name, "namespace": namespace, "annotations": annotations, "labels": labels}
    metadata = {key: value for key, value in metadata.items() if value}
    return cls(name, api_version="test.example/v1", kind="Thing", metadata=metadata, spec=spec,
               opts=pulumi.ResourceOptions(provider=provider, ignore_changes=given.get("ignored")))
"""

DECLARED = """
    thing("drifting", {"a": 1}, labels={"label": given.get("label", "1")})
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
