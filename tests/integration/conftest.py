"""One API server for the session; every test gets its own client and namespace."""

from __future__ import annotations

import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kube.client import Api
from kube.kinds import NAMESPACE
from tests.support.agent_world import Member
from tests.support.apiserver import ApiServer, find_tools, running_api_server
from tests.support.control_plane import running_plane, write_credential
from tests.support.kinds import install, our_crds
from tests.support.volume import Volume


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server with RBAC and default admission."""
    with running_api_server(tmp_path_factory.mktemp("apiserver"), find_tools("etcd", "kube-apiserver")) as server:
        yield server


@pytest.fixture
async def api(apiserver: ApiServer) -> AsyncIterator[Api]:
    """A client with all rights."""
    async with await Api.from_kubeconfig(apiserver.kubeconfig) as client:
        yield client


@pytest.fixture
async def namespace(api: Api) -> str:
    """A namespace that no other test uses."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    await api.create(NAMESPACE, {"metadata": {"name": name}})
    return name


@pytest.fixture
def credential(apiserver: ApiServer, tmp_path: Path) -> Path:
    """The control plane's credential as the controller's pod would have it mounted."""
    return write_credential(apiserver, tmp_path)


@pytest.fixture
async def plane(api: Api, credential: Path) -> AsyncIterator[Api]:
    """An API server with our kinds, one prepared member, and a running controller."""
    async with running_plane(api, credential) as plane:
        yield plane


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """An empty volume."""
    root = tmp_path / "volume"
    root.mkdir()
    return Volume(root)


@pytest.fixture
async def member(api: Api, apiserver: ApiServer, namespace: str, tmp_path: Path) -> AsyncIterator[Member]:
    """A member with our kinds, whose agent is not yet started."""
    await install(api, *our_crds())
    volume = tmp_path / "context"
    volume.mkdir()
    member = Member(api, apiserver, namespace, volume, tmp_path / "agent.log")
    yield member
    if member.process is not None:
        await member.end(signal.SIGKILL)
