"""`pulumi destroy` removes all that the stack has made, in every cluster, and does not hang."""

from __future__ import annotations

import json

import pytest

from api.names import GROUP, SYSTEM_NAMESPACE
from fleet.state import CONTROL_PLANE
from kube.kinds import CLUSTER, CRD, NAMESPACE, POD, WORK
from tests.support.fleet import SERVER, LocalFleet

DESTROY_SECONDS = 180.0
SYSTEM = ("default", "kube-", "karmada-system", "karmada-cluster")


@pytest.mark.timeout(300, func_only=True)
async def test_nothing_is_left_behind(fleet: LocalFleet) -> None:
    assert f"{SERVER}-tools" in await fleet.kubectl(CONTROL_PLANE, "get", "federatedcontexts", "-A")
    run = await fleet.pulumi("destroy", "--yes", "--skip-preview", seconds=DESTROY_SECONDS)
    run.succeeded()
    exported = (await fleet.pulumi("stack", "export", "--stack=local")).succeeded().output
    state = json.loads(exported[exported.index("{") : exported.rindex("}") + 1])
    assert state["deployment"].get("resources", []) == []

    for member in fleet.members:
        assert fleet.container(member, "controllers.agent") is None
        assert fleet.container(member, "controllers.server") is None
    for cluster in fleet.state.clusters:
        async with await fleet.api(cluster) as api:
            names = {each["metadata"]["name"] for each in await api.list(NAMESPACE)}
            assert {name for name in names if not name.startswith(SYSTEM)} == set()
            assert [crd for crd in await api.list(CRD) if crd["spec"]["group"] == GROUP] == []
            assert [
                pod for pod in await api.list(POD) if pod["metadata"]["namespace"] in (SERVER, SYSTEM_NAMESPACE)
            ] == []
            if cluster == CONTROL_PLANE:
                assert await api.list(CLUSTER) == []
                assert await api.list(WORK) == []
