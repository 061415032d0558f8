"""What the reference stack registers with the engine, seen through mocks."""

import re
from collections import Counter
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from components.context_federation import ContextFederation
from components.fleet import Fleet
from tests.contract.federations import fleet, kubeconfig, reference
from tests.contract.recording import FAKE_TOKEN, Registration, is_secret, plain, public_leaves, record

CONTROL_PLANE = "federation-fleet-control-plane"
DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
RBAC_NAME = re.compile(r"[a-z0-9:.-]{1,253}")


@pytest.fixture(scope="module")
def registrations() -> list[Registration]:
    return record(lambda: ContextFederation("federation", reference()))


def kubernetes(registrations: list[Registration]) -> list[Registration]:
    return [each for each in registrations if each.kubernetes_object]


def named(registrations: list[Registration], kind: str, name: str) -> Registration:
    """The Kubernetes object of a kind with a logical name."""
    (found,) = [each for each in kubernetes(registrations) if each.type.endswith(f":{kind}") and each.name == name]
    return found


def pod(registrations: list[Registration], name: str) -> dict[str, Any]:
    return named(registrations, "Deployment", name).inputs["spec"]["template"]["spec"]


def test_type_tokens_and_logical_names_stay_what_they_are(
    registrations: list[Registration], snapshot: SnapshotAssertion
) -> None:
    """They are identities in users' states: a change replaces objects, so it needs an alias."""
    assert [f"{each.type} {each.name}" for each in registrations] == snapshot


def test_every_kubernetes_object_has_an_explicit_provider_of_a_known_cluster(
    registrations: list[Registration],
) -> None:
    clusters = {each.name for each in registrations if each.type == "pulumi:providers:kubernetes"}
    assert {each.cluster for each in kubernetes(registrations)} == clusters


def test_every_provider_knows_which_cluster_it_is(registrations: list[Registration]) -> None:
    providers = [each for each in registrations if each.type == "pulumi:providers:kubernetes"]
    identifiers = {each.inputs["clusterIdentifier"] for each in providers}
    assert identifiers == {"host", "control-plane", "member1", "member2"}


def test_no_two_registrations_share_type_and_name(registrations: list[Registration]) -> None:
    assert max(Counter((each.type, each.name) for each in registrations).values()) == 1


def test_no_two_declarations_are_of_one_object(registrations: list[Registration]) -> None:
    assert max(Counter(each.place for each in kubernetes(registrations)).values()) == 1


def test_names_of_objects_are_dns_names(registrations: list[Registration]) -> None:
    for each in kubernetes(registrations):
        name = plain(each.inputs)["metadata"]["name"]
        assert (RBAC_NAME if "rbac" in each.type else DNS_SUBDOMAIN).fullmatch(name), each.name


def test_every_object_says_who_declares_its_fields(registrations: list[Registration]) -> None:
    for each in kubernetes(registrations):
        assert each.inputs["metadata"]["annotations"]["pulumi.com/patchFieldManager"] == "mcpfed-iac", each.name


def test_every_registration_but_the_federation_has_a_parent_of_ours(registrations: list[Registration]) -> None:
    assert {each.type for each in registrations if "mcpfed:index" not in each.parent} == {
        "mcpfed:index:ContextFederation"
    }


def test_nothing_reaches_the_provider_as_null(registrations: list[Registration]) -> None:
    assert [each.name for each in registrations if None in public_leaves(plain(each.inputs))] == []


def test_kubeconfigs_and_tokens_are_secrets(registrations: list[Registration]) -> None:
    for each in registrations:
        if each.type == "pulumi:providers:kubernetes":
            assert is_secret(each.inputs["kubeconfig"])
        if "data" in each.inputs:
            assert is_secret(each.inputs["data"]), each.name
            assert plain(each.inputs["data"])["token"] == FAKE_TOKEN


def test_no_credential_is_outside_of_what_is_marked_secret(registrations: list[Registration]) -> None:
    for each in registrations:
        public = [str(leaf) for leaf in public_leaves(each.inputs)]
        assert FAKE_TOKEN not in public, each.name
        assert not any("admin-of-" in leaf for leaf in public), each.name


def test_workloads_that_run_in_members_are_not_awaited_on_the_control_plane(
    registrations: list[Registration],
) -> None:
    for each in kubernetes(registrations):
        awaited = each.inputs["metadata"]["annotations"].get("pulumi.com/skipAwait") != "true"
        if each.cluster == CONTROL_PLANE and each.type.rpartition(":")[2] in {"Deployment", "StatefulSet", "Service"}:
            assert not awaited, each.name


def test_a_member_counts_only_once_karmada_reports_it_ready(registrations: list[Registration]) -> None:
    cluster = named(registrations, "Cluster", "federation-fleet-member1-cluster")
    assert cluster.inputs["metadata"]["annotations"]["pulumi.com/waitFor"] == "condition=Ready"
    assert cluster.inputs["spec"]["apiEndpoint"] == "https://member1.test:6443"


def test_only_the_agent_of_an_mcp_server_holds_an_api_token(registrations: list[Registration]) -> None:
    spec = pod(registrations, "federation-assistant.assistant")
    assert spec["automountServiceAccountToken"] is False
    (volume,) = [each["name"] for each in spec["volumes"] if "projected" in each]
    holders = [
        container["name"]
        for container in (*spec["initContainers"], *spec["containers"])
        if volume in {mount["name"] for mount in container["volumeMounts"]}
    ]
    assert holders == ["agent"]


def test_the_agent_starts_before_and_ends_after_its_server(registrations: list[Registration]) -> None:
    (agent,) = pod(registrations, "federation-assistant.assistant")["initContainers"]
    assert agent["restartPolicy"] == "Always"


@pytest.mark.parametrize("workload", ["federation-assistant.assistant", "federation-controller", "federation-members"])
def test_pods_meet_the_restricted_security_standard(registrations: list[Registration], workload: str) -> None:
    spec = pod(registrations, workload)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*spec.get("initContainers", []), *spec["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("workload", ["federation-assistant.assistant", "federation-members"])
def test_templates_ask_for_the_members_name(registrations: list[Registration], workload: str) -> None:
    template = named(registrations, "Deployment", workload).inputs
    assert template["metadata"]["labels"]["mcpfed.io/identity"] == "cluster"
    assert template["spec"]["template"]["metadata"]["annotations"] == {"mcpfed.io/cluster": ""}


def test_everything_that_a_policy_selects_is_declared(registrations: list[Registration]) -> None:
    declared = {each.place[1:] for each in kubernetes(registrations) if each.cluster == CONTROL_PLANE}
    for policy in kubernetes(registrations):
        namespace = policy.inputs["metadata"].get("namespace", "")
        for selector in policy.inputs.get("spec", {}).get("resourceSelectors", []):
            assert (selector["kind"], namespace, selector["name"]) in declared


def test_the_kinds_are_protected_and_retained_by_default(registrations: list[Registration]) -> None:
    def guards(found: list[Registration]) -> set[tuple[bool, bool]]:
        return {
            (each.protect, each.retain_on_delete) for each in found if each.type.endswith("CustomResourceDefinition")
        }

    assert guards(registrations) == {(True, True)}
    assert guards(record(lambda: ContextFederation("federation", reference(retain_crds=False)))) == {(False, False)}


def test_a_context_is_declared_with_what_was_set_and_nothing_else(registrations: list[Registration]) -> None:
    context = named(registrations, "FederatedContext", "federation-assistant.assistant-tools")
    assert set(context.inputs["spec"]) == {"mcpServerName", "contextType", "contextPayload"}
    assert len(context.inputs["spec"]["contextPayload"]["items"]) == 52


def test_a_context_is_awaited_only_on_demand() -> None:
    base: Any = {"namespace": "assistant", "mcp_server_name": "assistant", "context_type": "prompts", "items": []}
    contexts = [{**base, "name": "patient"}, {**base, "name": "awaited", "wait": True}]
    found = record(lambda: ContextFederation("federation", reference(contexts=contexts)))
    awaited = {
        each.place[3]: each.inputs["metadata"]["annotations"].get("pulumi.com/waitFor")
        for each in kubernetes(found)
        if each.type.endswith(":FederatedContext")
    }
    assert awaited == {"patient": None, "awaited": "condition=Ready"}


def test_a_preview_of_a_fresh_federation_needs_no_token_yet() -> None:
    assert record(lambda: ContextFederation("federation", reference()), preview=True)


def test_a_fleet_that_is_registered_already_touches_no_member() -> None:
    found = record(lambda: Fleet("fleet", fleet("member1", register=False)))
    assert [each.name for each in found] == ["fleet", "fleet-control-plane", "fleet-host"]


def test_members_reach_the_control_plane_at_an_address_of_their_own() -> None:
    found = record(lambda: ContextFederation("federation", reference(member_endpoint="https://outside.test")))
    (container,) = pod(found, "federation-controller")["containers"]
    assert {"name": "MCPFED_CONTROL_PLANE_ENDPOINT", "value": "https://outside.test"} in container["env"]


def test_a_placement_on_a_member_that_the_fleet_lacks_is_refused() -> None:
    server = {"name": "assistant", "namespace": "assistant", "clusters": ["member3"]}
    with pytest.raises(ValueError, match=r"MCP server 'assistant'.*no member 'member3'.*member1, member2"):
        record(lambda: ContextFederation("federation", reference(servers=[server])))


def test_a_member_without_kubeconfig_cannot_be_registered() -> None:
    host = {"kubeconfig": kubeconfig("host")}
    args: Any = {"host": host, "control_plane": host, "members": {"member1": {}}, "register": True}
    with pytest.raises(ValueError, match=r"member 'member1': to register it, give its kubeconfig"):
        record(lambda: Fleet("fleet", args))
