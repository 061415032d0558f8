"""The Kubernetes client against a real API server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from kube.client import JSON_PATCH, Api
from kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    FutureVersion,
    Invalid,
    NotFound,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from kube.kinds import (
    CLUSTER_ROLE,
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Kind,
    Object,
    ObjectKey,
)
from kube.reflector import Reflector
from tests.support.apiserver import ApiServer
from tests.support.proxy import proxied
from tests.support.waiting import eventually

MANAGER = "mcpfed-test"
UNSERVED = Kind("absent.example", "v1", "things", "Thing")


def config_map(namespace: str, name: str = "a", labels: dict[str, str] | None = None, **data: str) -> Object:
    return {"metadata": {"namespace": namespace, "name": name, "labels": labels or {}}, "data": data}


def version(obj: Object) -> str:
    return obj["metadata"]["resourceVersion"]


@asynccontextmanager
async def followed(reflector: Reflector) -> AsyncGenerator[Reflector]:
    task = asyncio.create_task(reflector.run())
    try:
        await asyncio.wait_for(reflector.synced.wait(), 15)
        yield reflector
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)


async def service_account_token(api: Api, namespace: str, name: str = "someone") -> str:
    await api.create(SERVICE_ACCOUNT, {"metadata": {"namespace": namespace, "name": name}})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    issued = await api.request("POST", SERVICE_ACCOUNT.path(namespace, name, "token"), request)
    return issued["status"]["token"]


async def allow_reading(api: Api, namespace: str, account: str) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    await api.create(ROLE, {"metadata": {"namespace": namespace, "name": "read"}, "rules": rules})
    binding = {
        "metadata": {"namespace": namespace, "name": "read"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read"},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": account}],
    }
    await api.create(ROLE_BINDING, binding)


async def test_an_object_is_created_read_and_deleted(api: Api, namespace: str) -> None:
    assert await api.get(CONFIG_MAP, namespace, "a") is None
    created = await api.create(CONFIG_MAP, config_map(namespace, k="v"), MANAGER)
    assert created["metadata"]["managedFields"][0]["manager"] == MANAGER
    assert await api.get(CONFIG_MAP, namespace, "a") == created
    with pytest.raises(AlreadyExists, match=f"POST ConfigMap {namespace}/a: 409"):
        await api.create(CONFIG_MAP, config_map(namespace))
    assert await api.delete(CONFIG_MAP, namespace, "a") is True
    assert await api.delete(CONFIG_MAP, namespace, "a") is False


async def test_a_cluster_scoped_object_is_found_by_its_key(api: Api, namespace: str) -> None:
    found = await api.get(NAMESPACE, *ObjectKey("", namespace))
    assert found is not None
    assert ObjectKey.of(found) == ObjectKey("", namespace)


async def test_applying_the_same_again_writes_nothing(api: Api, namespace: str) -> None:
    first = await api.apply(CONFIG_MAP, config_map(namespace, k="v"), MANAGER)
    assert version(await api.apply(CONFIG_MAP, config_map(namespace, k="v"), MANAGER)) == version(first)
    assert version(await api.apply(CONFIG_MAP, config_map(namespace, k="w"), MANAGER)) != version(first)


async def test_a_field_of_another_manager_is_taken_over_only_by_force(api: Api, namespace: str) -> None:
    await api.apply(CONFIG_MAP, config_map(namespace, k="v"), MANAGER)
    with pytest.raises(Conflict, match=MANAGER):
        await api.apply(CONFIG_MAP, config_map(namespace, k="w"), "mcpfed-other")
    taken = await api.apply(CONFIG_MAP, config_map(namespace, k="w"), "mcpfed-other", force=True)
    assert taken["data"] == {"k": "w"}


async def test_the_status_is_applied_through_its_subresource(api: Api, namespace: str) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
    place = {"metadata": {"namespace": namespace, "name": "a"}}
    await api.create(DEPLOYMENT, {**place, "spec": spec})
    status = {**place, "status": {"observedGeneration": 1, "replicas": 3}}
    await api.apply(DEPLOYMENT, status, MANAGER, subresource="status")
    patched = await api.patch(DEPLOYMENT, namespace, "a", {"status": {"readyReplicas": 2}}, subresource="status")
    assert (patched["status"]["replicas"], patched["status"]["readyReplicas"]) == (3, 2)
    assert patched["metadata"]["generation"] == 1


async def test_a_write_based_on_an_old_version_is_a_conflict(api: Api, namespace: str) -> None:
    old = await api.create(CONFIG_MAP, config_map(namespace, k="v"))
    based_on_old = {"metadata": {"resourceVersion": version(old)}}
    new = await api.patch(CONFIG_MAP, namespace, "a", {**based_on_old, "data": {"k": "w"}})
    with pytest.raises(Conflict):
        await api.patch(CONFIG_MAP, namespace, "a", {**based_on_old, "data": {"k": "x"}})
    assert await api.get(CONFIG_MAP, namespace, "a") == new


async def test_patches_come_in_both_forms(api: Api, namespace: str) -> None:
    await api.create(CONFIG_MAP, config_map(namespace, k="v", other="o"))
    merged = await api.patch(CONFIG_MAP, namespace, "a", {"data": {"k": None}})
    assert merged["data"] == {"other": "o"}
    operations = [{"op": "replace", "path": "/data/other", "value": "p"}]
    assert (await api.patch(CONFIG_MAP, namespace, "a", operations, content_type=JSON_PATCH))["data"] == {"other": "p"}


async def test_a_deletion_can_be_limited_to_this_very_object(api: Api, namespace: str) -> None:
    created = await api.create(CONFIG_MAP, config_map(namespace))
    with pytest.raises(Conflict):
        await api.delete(CONFIG_MAP, namespace, "a", uid="another")
    assert await api.delete(CONFIG_MAP, namespace, "a", uid=created["metadata"]["uid"])


async def test_a_bad_object_is_invalid_and_the_field_is_named(api: Api, namespace: str) -> None:
    with pytest.raises(Invalid, match=r"metadata\.name"):
        await api.create(CONFIG_MAP, config_map(namespace, "Not_A_Name"))


async def test_an_object_beyond_the_limits_is_too_large(api: Api, namespace: str) -> None:
    with pytest.raises(TooLarge):
        await api.create(CONFIG_MAP, config_map(namespace, k="x" * 4_000_000))


async def test_a_large_object_passes_in_both_directions(api: Api, namespace: str) -> None:
    await api.create(CONFIG_MAP, config_map(namespace, k="ü" * 500_000))
    found = await api.get(CONFIG_MAP, namespace, "a")
    assert found is not None
    assert found["data"] == {"k": "ü" * 500_000}


async def test_a_kind_that_is_not_served_is_not_mistaken_for_a_missing_object(api: Api, namespace: str) -> None:
    with pytest.raises(NotFound):
        await api.get(UNSERVED, namespace, "a")


async def test_a_long_list_is_read_whole(api: Api, namespace: str) -> None:
    names = {f"m-{number:04}" for number in range(620)}
    for batch in range(0, 620, 62):
        chosen = sorted(names)[batch : batch + 62]
        await asyncio.gather(*(api.create(CONFIG_MAP, config_map(namespace, name)) for name in chosen))
    found = await api.list(CONFIG_MAP, namespace)
    assert {item["metadata"]["name"] for item in found} == names
    assert found[0]["kind"] == "ConfigMap"
    one = await api.list(CONFIG_MAP, namespace, field_selector="metadata.name=m-0007")
    assert [item["metadata"]["name"] for item in one] == ["m-0007"]


async def test_a_pod_is_bound_through_a_plain_request(api: Api, namespace: str) -> None:
    await api.create(SERVICE_ACCOUNT, {"metadata": {"namespace": namespace, "name": "default"}})
    pod = {"metadata": {"namespace": namespace, "name": "a"}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    await api.create(POD, pod)
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"name": "node-1"}}
    await api.request("POST", POD.path(namespace, "a", "binding"), binding)
    bound = await api.get(POD, namespace, "a")
    assert bound is not None
    assert bound["spec"]["nodeName"] == "node-1"


async def test_rights_are_those_of_the_service_account(apiserver: ApiServer, api: Api, namespace: str) -> None:
    await api.create(CONFIG_MAP, config_map(namespace, k="v"))
    token = await service_account_token(api, namespace)
    async with await Api.from_kubeconfig(apiserver.kubeconfig_for(token=token)) as limited:
        with pytest.raises(Forbidden, match=f"GET ConfigMap {namespace}/a: 403 Forbidden: .*someone"):
            await limited.get(CONFIG_MAP, namespace, "a")
        await allow_reading(api, namespace, "someone")
        await eventually_allowed(limited, namespace)
        with pytest.raises(Forbidden):
            await limited.delete(CONFIG_MAP, namespace, "a")


async def eventually_allowed(api: Api, namespace: str) -> None:
    """The authorizer learns of a new binding by a watch of its own."""
    async with asyncio.timeout(10):
        while True:
            try:
                assert await api.get(CONFIG_MAP, namespace, "a") is not None
            except Forbidden:
                await asyncio.sleep(0.01)
            else:
                return


async def test_a_pod_s_projected_token_lets_it_in_and_a_renewed_one_is_picked_up(
    apiserver: ApiServer, api: Api, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await service_account_token(api, namespace)
    await allow_reading(api, namespace, "someone")
    address = urlsplit(apiserver.server)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    (tmp_path / "ca.crt").write_bytes(apiserver.authority.certificate)
    (tmp_path / "token").write_text("not yet")
    await api.create(CONFIG_MAP, config_map(namespace))
    async with Api.in_cluster(tmp_path) as inside:
        with pytest.raises(Unauthorized):
            await inside.get(CONFIG_MAP, namespace, "a")
        (tmp_path / "token").write_text(token)
        await eventually_allowed(inside, namespace)


async def test_a_client_certificate_lets_its_user_in(apiserver: ApiServer, namespace: str) -> None:
    admin = apiserver.kubeconfig_with_certificate("root", "system:masters")
    nobody = apiserver.kubeconfig_with_certificate("nobody")
    async with await Api.from_kubeconfig(admin) as api, await Api.from_kubeconfig(nobody) as limited:
        assert await api.list(CLUSTER_ROLE)
        with pytest.raises(Forbidden, match='User "nobody"'):
            await limited.list(CONFIG_MAP, namespace)


async def test_a_server_with_another_authority_is_refused(apiserver: ApiServer, tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(apiserver.kubeconfig.read_text())
    config["clusters"][0]["cluster"].pop("certificate-authority-data")
    async with await Api.from_kubeconfig(config) as api:
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await api.list(NAMESPACE)
    config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    async with await Api.from_kubeconfig(config) as api:
        assert await api.list(NAMESPACE)


async def test_a_reflector_follows_every_change(api: Api, namespace: str) -> None:
    await api.create(CONFIG_MAP, config_map(namespace, "before", k="v"))
    changes: list[tuple[str, bool, bool]] = []
    reflector = Reflector(api, CONFIG_MAP, namespace)
    reflector.subscribe(lambda key, old, new: changes.append((key.name, old is not None, new is not None)))
    async with followed(reflector):
        assert [key.name for key in reflector.cache] == ["before"]
        await api.create(CONFIG_MAP, config_map(namespace, "a"))
        await api.patch(CONFIG_MAP, namespace, "a", {"data": {"k": "w"}})
        await api.delete(CONFIG_MAP, namespace, "before")
        await eventually(lambda: len(changes) == 4)
        added, changed, deleted = (False, True), (True, True), (True, False)
        assert changes == [("before", *added), ("a", *added), ("a", *changed), ("before", *deleted)]
        (kept,) = reflector.cache.values()
        assert kept["data"] == {"k": "w"}
        assert "managedFields" not in kept["metadata"]


async def test_an_object_that_no_longer_matches_the_selector_is_gone(api: Api, namespace: str) -> None:
    await api.create(CONFIG_MAP, config_map(namespace, "a", {"in": "yes"}))
    await api.create(CONFIG_MAP, config_map(namespace, "b"))
    async with followed(Reflector(api, CONFIG_MAP, namespace, label_selector="in=yes")) as reflector:
        assert [key.name for key in reflector.cache] == ["a"]
        await api.patch(CONFIG_MAP, namespace, "a", {"metadata": {"labels": {"in": None}}})
        await eventually(lambda: not reflector.cache)


async def test_a_writer_s_own_write_is_in_the_cache_at_once(api: Api, namespace: str) -> None:
    changes: list[str] = []
    async with followed(Reflector(api, CONFIG_MAP, namespace)) as reflector:
        reflector.subscribe(lambda key, old, new: changes.append(key.name))
        for number in range(20):
            name = f"m-{number}"
            reflector.observe(await api.create(CONFIG_MAP, config_map(namespace, name)))
            assert ObjectKey(namespace, name) in reflector.cache
        await api.create(CONFIG_MAP, config_map(namespace, "last"))
        await eventually(lambda: "last" in changes)
        assert len(changes) == 21


async def test_a_version_from_the_future_has_an_error_of_its_own(api: Api, namespace: str) -> None:
    query = "resourceVersion=999999999&resourceVersionMatch=NotOlderThan"
    with pytest.raises(FutureVersion):
        await api.request("GET", f"{CONFIG_MAP.path(namespace)}?{query}")


async def test_the_newest_version_is_at_least_that_of_the_last_write(api: Api, namespace: str) -> None:
    for _ in range(5):
        written = await api.apply(
            CONFIG_MAP, config_map(namespace, k=base64.b64encode(namespace.encode()).decode()), MANAGER
        )
        assert int(await api.newest_version(CONFIG_MAP, namespace)) >= int(version(written))


@pytest.mark.parametrize("fault", ["cut", "freeze"])
async def test_nothing_is_missed_over_a_lost_network(
    apiserver: ApiServer, api: Api, namespace: str, fault: str
) -> None:
    port = urlsplit(apiserver.server).port
    assert port is not None
    config: dict[str, Any] = yaml.safe_load(apiserver.kubeconfig.read_text())
    async with proxied(port) as proxy:
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        async with await Api.from_kubeconfig(config) as distant:
            await api.create(CONFIG_MAP, config_map(namespace, "a"))
            async with followed(Reflector(distant, CONFIG_MAP, namespace, idle_seconds=1.0)) as reflector:
                getattr(proxy, fault)()
                await api.delete(CONFIG_MAP, namespace, "a")
                await api.create(CONFIG_MAP, config_map(namespace, "b"))
                proxy.heal()
                await eventually(lambda: [key.name for key in reflector.cache] == ["b"])


async def test_errors_of_a_real_server_carry_no_payload(api: Api, namespace: str) -> None:
    with pytest.raises(ApiError) as caught:
        await api.create(
            CONFIG_MAP, {**config_map(namespace, k="confidential"), "unknown": {"k": "confidential"}} | {"data": 7}
        )
    assert "confidential" not in str(caught.value)
