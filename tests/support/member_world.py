"""A member and a control plane, with the rights that the context controller has in each, and what others do there."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from api.names import (
    AGENT_MANAGER,
    CONTEXT_LABEL,
    REPLICA_FINALIZER,
    SERVER_LABEL,
    SYSTEM_NAMESPACE,
    cluster_replica_name,
    member_credential,
    member_namespace,
    pod_replica_name,
)
from controllers.context.service import ContextController
from core.values import clock
from kube.client import Api
from kube.errors import AlreadyExists
from kube.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONTEXT_REPLICA,
    DEPLOYMENT,
    MCP_CONTEXT,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    Kind,
    Object,
)
from tests.support.apiserver import ApiServer
from tests.support.proxy import Proxy

REPOSITORY = Path(__file__).parents[2]
SERVER, CONTEXT = "assistant", "notes"
ZERO_DIGEST = "sha256:" + 64 * "0"
HEAD = "sha256:" + 64 * "a"
RBAC_GROUP = "rbac.authorization.k8s.io"

T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T | None]], what: str, seconds: float = 20.0) -> T:
    """What `ask` gives once that is true; fails with `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := await ask()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.02)
    return answer


@dataclass
class World:
    """A member and a control plane with one registered cluster, and a person's full rights on both."""

    cluster: str
    namespace: str
    member: Api
    plane: Api
    member_server: ApiServer
    plane_server: ApiServer
    member_line: Proxy
    plane_line: Proxy
    directory: Path
    remote: str = field(init=False)

    def __post_init__(self) -> None:
        self.remote = member_namespace(self.cluster)

    def site(self, pod: str) -> str:
        return f"{self.cluster}/{pod}#0badcafe"

    async def place_context(self, version: int = 1, decided: dict[str, str] | None = None) -> None:
        """What Karmada does."""
        spec = {
            "mcpServerName": SERVER,
            "contextType": "prompts",
            "version": version,
            "timestamp": "2026-01-01T00:00:00Z",
            "digest": ZERO_DIGEST,
            "chainDigest": HEAD,
            "versionVector": decided or {},
        }
        await self.member.apply(MCP_CONTEXT, self._named(CONTEXT, spec=spec), "karmada", force=True)

    async def deploy_server(self) -> None:
        labels = {SERVER_LABEL: SERVER}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "server", "image": "none"}]}}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        await self.member.create(DEPLOYMENT, self._named(SERVER, spec=spec, labels=labels))

    async def propose(self, pod: str, *at: int, applied: int = 1, site: str | None = None, size: int = 0) -> None:
        """What an agent does: its undecided changes, one for each clock reading, of at least `size` bytes each."""
        site = site or self.site(pod)
        state = {
            "site": site,
            "pod": pod,
            "baseDigest": HEAD,
            "appliedVersion": applied,
            "digest": ZERO_DIGEST,
            "changes": [
                {
                    "item": f"item-{moment}",
                    "content": {"text": f"body of {moment}" + size * "x"},
                    "dot": {"site": site, "hlc": hlc(moment)},
                }
                for moment in at
            ],
        }
        obj = self._named(
            pod_replica_name(CONTEXT, pod),
            spec={"context": CONTEXT, "sites": [state]},
            labels={CONTEXT_LABEL: CONTEXT},
            finalizers=[REPLICA_FINALIZER],
        )
        await self.member.apply(CONTEXT_REPLICA, obj, AGENT_MANAGER, force=True)

    async def delete_replica(self, pod: str) -> None:
        """What the garbage collector does after a pod."""
        await self.member.delete(CONTEXT_REPLICA, self.namespace, pod_replica_name(CONTEXT, pod))

    async def pod_replica(self, pod: str) -> Object | None:
        return await self.member.get(CONTEXT_REPLICA, self.namespace, pod_replica_name(CONTEXT, pod))

    async def mirrored(self) -> Object | None:
        return await self.plane.get(CONTEXT_REPLICA, self.remote, cluster_replica_name(self.namespace, CONTEXT))

    async def await_changes(self, *expected: tuple[str, int], seconds: float = 20.0) -> Object:
        """Waits until the control plane holds exactly these changes, each a pod and a clock reading."""
        wanted = {(self.site(pod), hlc(at)) for pod, at in expected}

        async def look() -> Object | None:
            replica = await self.mirrored()
            return replica if replica is not None and changes_of(replica) == wanted else None

        return await eventually(look, f"the control plane holds {sorted(wanted)}", seconds)

    async def await_condition(self, kind: str, status: str, reason: str) -> Object:
        """Waits for a condition of the context in the member and returns the context's status."""

        async def look() -> Object | None:
            context = await self.member.get(MCP_CONTEXT, self.namespace, CONTEXT)
            present = (context or {}).get("status", {})
            same = [
                one
                for one in present.get("conditions", [])
                if (one["type"], one["status"], one["reason"]) == (kind, status, reason)
            ]
            return present if same else None

        return await eventually(look, f"{kind}={status} because {reason}")

    async def deliver_credential(self, account: str) -> None:
        """What the federation controller and Karmada do; a second call rotates."""
        data = {
            "server": self.plane_line.url,
            "ca.crt": self.plane_server.authority.certificate.decode(),
            "token": await token_of(self.plane, self.remote, account),
        }
        metadata = {"name": member_credential(self.cluster), "namespace": SYSTEM_NAMESPACE}
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        await self.member.apply(SECRET, {"metadata": metadata, "data": encoded}, "karmada", force=True)

    async def member_kubeconfig(self) -> dict[str, Any]:
        """The controller's own rights in the member, over the line that can be cut."""
        token = await token_of(self.member, SYSTEM_NAMESPACE, f"context-{self.cluster}")
        kubeconfig = self.member_server.kubeconfig_for(token=token)
        kubeconfig["clusters"][0]["cluster"]["server"] = self.member_line.url
        return kubeconfig

    @contextlib.asynccontextmanager
    async def controller(self, **options: float) -> AsyncGenerator[None]:
        """The controller, in this process."""
        stop = asyncio.Event()
        async with await Api.from_kubeconfig(await self.member_kubeconfig()) as api:
            running = asyncio.create_task(ContextController(api, self.cluster, **options).run(stop))
            try:
                yield
            finally:
                stop.set()
                async with asyncio.timeout(20):
                    await running

    def _named(self, name: str, spec: Object, **metadata: Any) -> Object:
        return {"metadata": {"name": name, "namespace": self.namespace, **metadata}, "spec": spec}


def hlc(at: int) -> str:
    return clock.encode(at)


def changes_of(replica: Object) -> set[tuple[str, str]]:
    return {
        (site["site"], each["dot"]["hlc"])
        for site in replica["spec"].get("sites", [])
        for each in site.get("changes", [])
    }


async def token_of(api: Api, namespace: str, account: str) -> str:
    answer = await api.request("POST", SERVICE_ACCOUNT.path(namespace, account, "token"), {"spec": {}})
    return answer["status"]["token"]


async def ensure(api: Api, kind: Kind, obj: Object) -> None:
    with contextlib.suppress(AlreadyExists):
        await api.create(kind, obj)


async def grant(api: Api, namespace: str, account: str, *rules: Object) -> None:
    """A ServiceAccount with a Role in its namespace."""
    await ensure(api, SERVICE_ACCOUNT, {"metadata": {"name": account, "namespace": namespace}})
    await ensure(api, ROLE, {"metadata": {"name": account, "namespace": namespace}, "rules": list(rules)})
    binding = {
        "metadata": {"name": account, "namespace": namespace},
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": "Role", "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    await ensure(api, ROLE_BINDING, binding)


def rule(group: str, resources: list[str], verbs: str, **more: Any) -> Object:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs.split(), **more}


async def grant_on_control_plane(plane: Api, cluster: str, account: str) -> None:
    await grant(
        plane,
        member_namespace(cluster),
        account,
        rule("mcpfed.io", ["contextreplicas"], "get list watch create patch update delete"),
        rule("coordination.k8s.io", ["leases"], "get create patch update"),
    )


async def grant_in_member(member: Api, cluster: str) -> None:
    account = f"context-{cluster}"
    credential = rule("", ["secrets"], "get list watch", resourceNames=[member_credential(cluster)])
    await grant(member, SYSTEM_NAMESPACE, account, credential)
    rules = [
        rule("mcpfed.io", ["mcpcontexts"], "get list watch"),
        rule("mcpfed.io", ["contextreplicas"], "get list watch patch"),
        rule("mcpfed.io", ["mcpcontexts/status", "contextreplicas/status"], "patch"),
        rule("apps", ["deployments", "statefulsets"], "get list watch"),
    ]
    await member.create(CLUSTER_ROLE, {"metadata": {"name": account}, "rules": rules})
    binding = {
        "metadata": {"name": account},
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": SYSTEM_NAMESPACE}],
    }
    await member.create(CLUSTER_ROLE_BINDING, binding)


async def is_gone(world: World, pod: str) -> bool:
    """Whether a pod's replica is gone."""
    return await world.pod_replica(pod) is None
