"""The generated CRDs on a real API server: what it accepts, what it refuses, and with which words."""

from __future__ import annotations

from typing import Any

import pytest

from api.names import API_VERSION
from kube.client import Api
from kube.errors import Invalid
from kube.kinds import CONTEXT_REVISION, FEDERATED_CONTEXT, MCP_CONTEXT
from tests.support.kinds import install, our_crds

DIGEST = "sha256:" + "0" * 64
DOT = {"site": "declared", "hlc": "000000000001-0000"}


@pytest.fixture(autouse=True)
async def kinds(api: Api) -> None:
    await install(api, *our_crds())


def context(namespace: str, **spec: Any) -> dict[str, Any]:
    wanted = {"mcpServerName": "assistant", "contextType": "tools", **spec}
    return {
        "apiVersion": API_VERSION,
        "kind": "FederatedContext",
        "metadata": {"name": "demo", "namespace": namespace},
        "spec": wanted,
    }


def revision(namespace: str) -> dict[str, Any]:
    item = {"name": "a", "digest": DIGEST, "content": {"definition": {"x": {"y": 1}}}, "dot": DOT}
    spec = {
        "context": "demo",
        "version": 1,
        "digest": DIGEST,
        "chainDigest": DIGEST,
        "timestamp": "2026-01-01T00:00:00Z",
        "hlc": "000000000001-0001",
        "items": [item],
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "ContextRevision",
        "metadata": {"name": "demo-0000000001", "namespace": namespace},
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"clusters": ["m1"], "clusterSelector": {"matchLabels": {"a": "b"}}}, "clusters or clusterSelector, not both"),
        ({"contextType": "sessions"}, "contextType"),
        ({"contextPayload": {"items": [{"name": "a"}, {"name": "a"}]}}, "Duplicate value"),
        ({"contextPayload": {"items": [{"name": "../a"}]}}, "should match"),
        ({"contextPayload": {"items": [{"name": "a", "text": "x", "data": "eA=="}]}}, "at most one content"),
        ({"mcpServerName": "Not A Name"}, "mcpServerName"),
        ({"history": {"revisions": 0}}, "revisions"),
        ({"direction": "Sideways"}, "direction"),
        ({"conflictPolicy": {"default": "ClusterPriority"}}, "ClusterPriority needs conflictPolicy.priority"),
        (
            {"conflictPolicy": {"priority": [], "rules": [{"match": "a", "policy": "ClusterPriority"}]}},
            "ClusterPriority needs conflictPolicy.priority",
        ),
    ],
)
async def test_a_wrong_context_is_refused_with_the_field_and_the_reason(
    api: Api, namespace: str, spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        await api.create(FEDERATED_CONTEXT, context(namespace, **spec))


@pytest.mark.parametrize(
    "policy",
    [
        {"default": "ClusterPriority", "priority": ["m1"]},
        {"priority": ["m1"], "rules": [{"match": "a", "policy": "ClusterPriority"}]},
        {"rules": [{"match": "a"}, {"match": "b", "policy": "Manual"}]},
    ],
)
async def test_a_conflict_policy_is_taken_with_the_order_of_clusters_that_it_needs(
    api: Api, namespace: str, policy: dict[str, Any]
) -> None:
    assert await api.create(FEDERATED_CONTEXT, context(namespace, conflictPolicy=policy))


async def test_a_name_that_is_no_label_value_is_refused(api: Api, namespace: str) -> None:
    long = context(namespace) | {"metadata": {"name": "a" * 64, "namespace": namespace}}
    with pytest.raises(Invalid, match="at most 63 characters"):
        await api.create(FEDERATED_CONTEXT, long)


async def test_unknown_fields_of_a_definition_are_kept(api: Api, namespace: str) -> None:
    definition = {"name": "a", "inputSchema": {"type": "object"}, "x-vendor": {"deep": [1, {"er": True}]}}
    items = [{"name": "a", "definition": definition}]
    stored = await api.create(FEDERATED_CONTEXT, context(namespace, contextPayload={"items": items}))
    assert stored["spec"]["contextPayload"]["items"] == items


async def test_the_context_type_cannot_change(api: Api, namespace: str) -> None:
    await api.create(FEDERATED_CONTEXT, context(namespace))
    with pytest.raises(Invalid, match="contextType cannot change"):
        await api.patch(FEDERATED_CONTEXT, namespace, "demo", {"spec": {"contextType": "prompts"}})


@pytest.mark.parametrize("path", ["/spec/timestamp", "/spec/items/0/content/definition/x/y", "/spec/items/0/dot/site"])
async def test_a_revision_cannot_be_changed_however_deep(api: Api, namespace: str, path: str) -> None:
    await api.create(CONTEXT_REVISION, revision(namespace))
    patch = [{"op": "replace", "path": path, "value": "other"}]
    with pytest.raises(Invalid, match="a revision is immutable"):
        await api.patch(
            CONTEXT_REVISION, namespace, "demo-0000000001", patch, content_type="application/json-patch+json"
        )


async def test_the_status_is_a_subresource(api: Api, namespace: str) -> None:
    await api.create(FEDERATED_CONTEXT, context(namespace))
    status = {"status": {"phase": "Applied", "version": 3}}
    assert "status" not in await api.patch(FEDERATED_CONTEXT, namespace, "demo", status)
    stored = await api.patch(FEDERATED_CONTEXT, namespace, "demo", status, subresource="status")
    assert (stored["status"]["phase"], stored["metadata"]["generation"]) == ("Applied", 1)


async def test_people_may_use_short_names_and_see_columns(api: Api) -> None:
    crds = {crd["spec"]["names"]["kind"]: crd["spec"] for crd in our_crds()}
    assert {name for spec in crds.values() for name in spec["names"]["shortNames"]} == {"fctx", "mctx", "crev", "crep"}
    answer = await api.request("GET", MCP_CONTEXT.path())
    assert answer["kind"] == "MCPContextList"
