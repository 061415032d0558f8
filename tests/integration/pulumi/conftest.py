"""A cluster and a Pulumi project on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from fleet.provisioning.plugins import install_plugins, needed_tools
from fleet.toolchain.tools import ensure_tools
from tests.support.apiserver import ApiServer, find_tools, running_api_server
from tests.support.pulumi_project import (
    CRDS,
    Kube,
    Project,
    controller_manager,
    things_crd,
    until,
)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    tools = find_tools()
    with ExitStack() as stack:
        server = stack.enter_context(running_api_server(tmp_path_factory.mktemp("cluster"), tools))
        kube = Kube(server)
        stack.enter_context(controller_manager(server, tools["kube-controller-manager"], kube))
        kube.create(CRDS, things_crd())
        until(lambda: kube.find("/apis/test.example/v1/things"), "the kind is served")
        yield server


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("pulumi")
    install_plugins(directory / "home", ensure_tools(needed_tools()))
    (directory / "state").mkdir()
    offline = {
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
    made = Project(tmp_path, find_tools("pulumi")["pulumi"], environment, kube, name, things, variables)
    made.succeed("stack", "init", "dev")
    return made
