"""A member and a control plane of their own, because the controller looks after every context that it finds."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from yarl import URL

from api.names import (
    SYSTEM_NAMESPACE,
    member_namespace,
)
from kube.client import Api
from kube.kinds import (
    CONTEXT_REPLICA,
    MCP_CONTEXT,
    NAMESPACE,
)
from tests.support.apiserver import ApiServer, find_tools, running_api_server
from tests.support.kinds import install, our_crds
from tests.support.member_world import (
    CONTEXT,
    World,
    ensure,
    grant_in_member,
    grant_on_control_plane,
)
from tests.support.proxy import proxied


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The member: one of its own, because the controller looks after every context that it finds in there."""
    with running_api_server(tmp_path_factory.mktemp("member"), find_tools()) as server:
        yield server


@pytest.fixture(scope="session")
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
        await install(api, *our_crds())
        await install(plane, *our_crds())
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
