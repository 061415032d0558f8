"""Who holds which credential, and what it can do."""

from __future__ import annotations

import base64
from pathlib import Path

import psutil
import pytest

from api.names import API_VERSION, SYSTEM_NAMESPACE, member_credential, member_namespace
from fleet.state import CONTROL_PLANE
from kube.client import Api
from kube.errors import Forbidden
from kube.kinds import (
    CLUSTER,
    CONTEXT_REPLICA,
    CONTEXT_REVISION,
    FEDERATED_CONTEXT,
    LEASE,
    MCP_CONTEXT,
    NAMESPACE,
    SECRET,
    SERVICE_ACCOUNT,
    WORK,
    Kind,
)
from tests.support.federation import Federation
from tests.support.fleet import SERVER, LocalFleet

TOKENS = "run/secrets/kubernetes.io/serviceaccount"


def test_the_servers_container_has_no_credential(fleet: LocalFleet) -> None:
    for member in fleet.members:
        server = fleet.container(member, "controllers.server")
        assert server is not None
        assert not inside(server, TOKENS).exists()
        secret = {name for name in server.environ() if any(word in name for word in ("TOKEN", "SECRET", "KUBECONFIG"))}
        assert secret == set()
        for kubeconfig in (fleet.kubeconfig(member), fleet.kubeconfig(CONTROL_PLANE)):
            assert not inside(server, str(kubeconfig).lstrip("/")).exists()


def test_the_agent_beside_it_has_one(fleet: LocalFleet) -> None:
    for member in fleet.members:
        agent = fleet.container(member, "controllers.agent")
        assert agent is not None
        assert inside(agent, f"{TOKENS}/token").exists()


def inside(process: psutil.Process, path: str) -> Path:
    """A path as a process sees it."""
    return Path(f"/proc/{process.pid}/root") / path


async def credential(federation: Federation, member: str) -> Api:
    """A client of the control plane with what was delivered to a member."""
    secret = await federation.members[member].get(SECRET, SYSTEM_NAMESPACE, member_credential(member))
    assert secret is not None
    data = secret["data"]
    text = {key: base64.b64decode(data[key]).decode() for key in ("server", "token")}
    cluster = {"server": text["server"], "certificate-authority-data": data["ca.crt"]}
    return await Api.from_kubeconfig(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": text["token"]}}],
        }
    )


async def test_a_members_credential_reads_and_writes_its_own_replicas_and_lease_only(
    fleet: LocalFleet, federation: Federation
) -> None:
    here, there = fleet.members[:2]
    ours, theirs = member_namespace(here), member_namespace(there)
    async with await credential(federation, here) as api:
        assert {r["spec"]["context"] for r in await api.list(CONTEXT_REPLICA, ours)} >= {f"{SERVER}-tools"}
        assert await rules(api, ours) == {
            ("mcpfed.io", "contextreplicas"): {"create", "delete", "get", "list", "patch", "update", "watch"},
            ("coordination.k8s.io", "leases"): {"create", "get", "patch", "update"},
        }
        for namespace in (theirs, SERVER, SYSTEM_NAMESPACE, "default"):
            assert await rules(api, namespace) == {}
        reads: list[tuple[Kind, str | None]] = [
            (CONTEXT_REPLICA, theirs),
            (CONTEXT_REPLICA, None),
            (FEDERATED_CONTEXT, SERVER),
            (MCP_CONTEXT, SERVER),
            (CONTEXT_REVISION, SERVER),
            (SECRET, ours),
            (SECRET, SYSTEM_NAMESPACE),
            (SERVICE_ACCOUNT, ours),
            (LEASE, theirs),
            (NAMESPACE, None),
            (CLUSTER, None),
            (WORK, f"karmada-es-{here}"),
        ]
        for kind, namespace in reads:
            with pytest.raises(Forbidden):
                await api.list(kind, namespace)
        forged = {"apiVersion": API_VERSION, "kind": "ContextReplica", "spec": {"context": f"{SERVER}-tools"}}
        forged["metadata"] = {"name": f"{SERVER}.{SERVER}-tools", "namespace": theirs}
        with pytest.raises(Forbidden):
            await api.apply(CONTEXT_REPLICA, forged, "intruder", force=True)


async def test_a_members_credential_is_delivered_to_that_member_alone(
    fleet: LocalFleet, federation: Federation
) -> None:
    for member, api in federation.members.items():
        secrets = {secret["metadata"]["name"] for secret in await api.list(SECRET)}
        assert secrets & {member_credential(each) for each in fleet.members} == {member_credential(member)}


async def rules(api: Api, namespace: str) -> dict[tuple[str, str], set[str]]:
    """Verbs by group and resource, without what everybody may do."""
    answer = await api.request(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        },
    )
    found: dict[tuple[str, str], set[str]] = {}
    for rule in answer["status"]["resourceRules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                if group not in ("authorization.k8s.io", "authentication.k8s.io"):
                    found.setdefault((group, resource), set()).update(rule["verbs"])
    return found
