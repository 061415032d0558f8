"""A cluster with a process node."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kube.client import Api
from kube.kinds import SERVICE_ACCOUNT
from tests.support.apiserver import ApiServer
from tests.support.node_process import (
    Cluster,
    NodeProcess,
)


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
