"""The programs that ship: the reference stack and the examples, run as Pulumi runs them."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.context_federation import ContextFederation
from examples.assistant import contexts as assistant
from fleet.layout import Layout
from fleet.provisioning.pulumi import stack_config
from fleet.state import ClusterEntry, FleetState, Role
from tests.contract.federations import kubeconfig, reference
from tests.contract.recording import Registration, record

ROOT = Path(__file__).parents[2]
STACK = ROOT / "stacks/federation"
LOCAL_CLUSTERS: dict[str, Role] = {
    "host": "host",
    "control-plane": "control-plane",
    "member1": "member",
    "member2": "member",
}


def configured(**values: Any) -> Callable[[], object]:
    """The reference stack, configured with these values."""

    def program() -> None:
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
        pulumi.runtime.set_all_config({f"p:{key}": text for key, text in texts.items()})
        runpy.run_path(str(STACK), run_name="__main__")

    return program


@pytest.fixture
def fleet(tmp_path: Path) -> dict[str, Any]:
    """As the stack's configuration has it: a path of a kubeconfig, or its contents."""
    host = tmp_path / "host.kubeconfig"
    host.write_text(kubeconfig("host"))
    return {
        "host": {"kubeconfig": str(host)},
        "controlPlane": {"kubeconfig": kubeconfig("control-plane"), "memberEndpoint": "https://outside.test"},
        "members": {"member1": {"kubeconfig": kubeconfig("member1"), "labels": {"tier": "edge"}, "region": "north"}},
        "register": True,
    }


def objects(found: list[Registration], kind: str) -> list[Registration]:
    return [each for each in found if each.kubernetes_object and each.type.endswith(f":{kind}")]


def names(found: list[Registration], kind: str) -> list[str]:
    return [each.place[3] for each in objects(found, kind)]


def test_the_stack_deploys_no_server_and_no_context_that_its_configuration_does_not_name(fleet: dict[str, Any]) -> None:
    found = record(configured(fleet=fleet, retainCrds=False))
    assert names(found, "FederatedContext") == []
    assert names(found, "Deployment") == ["mcpfed-federation", "mcpfed-context"]
    (cluster,) = objects(found, "Cluster")
    assert cluster.inputs["metadata"]["labels"] == {"tier": "edge"}
    assert cluster.inputs["spec"]["region"] == "north"


def test_the_stack_declares_servers_and_contexts_of_its_configuration(fleet: dict[str, Any], tmp_path: Path) -> None:
    prompts = tmp_path / "notes/prompts"
    prompts.mkdir(parents=True)
    (prompts / "greet.json").write_text('{"definition": {"description": "Greets"}, "messages": []}')
    context = {
        "name": "notes",
        "namespace": "team",
        "mcpServerName": "notes",
        "contextType": "prompts",
        "directory": str(tmp_path / "notes"),
        "clusters": ["member1"],
        "direction": "FromControlPlane",
    }
    server = {"name": "notes", "namespace": "team", "kind": "StatefulSet", "storage": {"size": "1Gi"}}
    found = record(
        configured(fleet=fleet, servers=[server], contexts=[context], image="registry.test/mcp-federation:7")
    )
    (declared,) = objects(found, "FederatedContext")
    assert declared.inputs["spec"] == {
        "mcpServerName": "notes",
        "contextType": "prompts",
        "clusters": ["member1"],
        "direction": "FromControlPlane",
        "contextPayload": {"items": [{"name": "greet", "definition": {"description": "Greets"}, "messages": []}]},
    }
    (workload,) = objects(found, "StatefulSet")
    (agent,) = workload.inputs["spec"]["template"]["spec"]["initContainers"]
    assert agent["image"] == "registry.test/mcp-federation:7"


def test_the_local_fleet_configures_the_reference_server_and_its_contexts(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.kubeconfig("host").parent.mkdir()
    clusters: dict[str, ClusterEntry] = {}
    for name, role in LOCAL_CLUSTERS.items():
        layout.kubeconfig(name).write_text(kubeconfig(name))
        path = str(layout.kubeconfig(name))
        clusters[name] = ClusterEntry(role=role, kubeconfig=path, server=f"https://{name}.test:6443")
    config = stack_config(layout, FleetState(clusters=clusters))
    found = record(configured(**{key.removeprefix("mcp-federation:"): value for key, value in config.items()}))
    assert names(found, "FederatedContext") == ["assistant-prompts", "assistant-resources", "assistant-tools"]
    reference_stack = record(lambda: ContextFederation("federation", reference()))
    assert [(each.type, each.name) for each in found] == [(each.type, each.name) for each in reference_stack]


def test_declarations_in_python_are_added_to_those_of_the_configuration(fleet: dict[str, Any]) -> None:
    item: dict[str, Any] = {"name": "greet", "messages": []}
    context = {"name": "notes", "namespace": "assistant", "mcpServerName": "assistant", "contextType": "prompts"}
    found = record(
        configured(fleet=fleet, contexts=[{**context, "items": [item]}], declarations="examples.assistant.contexts")
    )
    assert names(found, "FederatedContext") == ["assistant-prompts", "assistant-resources", "assistant-tools", "notes"]
    assert objects(found, "FederatedContext")[-1].inputs["spec"]["contextPayload"] == {"items": [item]}


def test_a_module_of_declarations_that_is_not_there_is_named(fleet: dict[str, Any]) -> None:
    with pytest.raises(pulumi.RunError, match=r"declarations 'nowhere': No module named 'nowhere'; name a module"):
        record(configured(fleet=fleet, declarations="nowhere"))


@pytest.mark.parametrize("items", [{}, {"items": [], "directory": "notes"}], ids=["neither", "both"])
def test_the_items_of_a_configured_context_come_from_one_place(fleet: dict[str, Any], items: dict[str, Any]) -> None:
    context = {"name": "notes", "namespace": "team", "mcpServerName": "notes", "contextType": "prompts", **items}
    with pytest.raises(pulumi.RunError, match="context 'notes': give either items or directory"):
        record(configured(fleet=fleet, contexts=[context]))


def test_cluster_priority_needs_an_order_in_the_configuration_too(fleet: dict[str, Any]) -> None:
    policy = {"rules": [{"match": "*", "policy": "ClusterPriority"}]}
    context: dict[str, Any] = {"name": "notes", "namespace": "team", "mcpServerName": "notes", "contextType": "prompts"}
    with pytest.raises(pulumi.RunError, match=r"(?s)contexts\.0\.conflictPolicy.*needs conflictPolicy\.priority"):
        record(configured(fleet=fleet, contexts=[{**context, "items": [], "conflictPolicy": policy}]))


def test_a_wrong_configuration_is_refused_without_what_it_holds(fleet: dict[str, Any]) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        record(configured(fleet={"host": fleet["controlPlane"], "surprise": fleet["controlPlane"]}))
    assert "admin-of-" not in str(refused.value)


def test_a_wrong_configuration_is_refused_by_field(fleet: dict[str, Any]) -> None:
    with pytest.raises(pulumi.RunError, match=r"fleet\.controlPlane"):
        record(configured(fleet={"host": fleet["host"]}))


def test_the_reference_contexts_are_those_of_the_reference_servers() -> None:
    sizes = {context["context_type"]: len(context["items"]) for context in assistant.contexts()}
    assert sizes == {"tools": 52, "prompts": 5, "resources": 9}


def test_every_prompt_of_the_reference_server_says_something_and_fills_in_all_arguments() -> None:
    (prompts,) = [each for each in assistant.contexts() if each["context_type"] == "prompts"]
    for item in prompts["items"]:
        text = json.dumps(item.get("messages"))
        for argument in item.get("definition", {}).get("arguments", []):
            assert "{{" + argument["name"] + "}}" in text


def test_the_minimal_example_declares_one_context() -> None:
    found = record(lambda: runpy.run_path(str(ROOT / "examples/minimal"), run_name="__main__"))
    (context,) = objects(found, "FederatedContext")
    assert context.inputs["spec"]["contextPayload"]["items"][0]["definition"]["arguments"] == [
        {"name": "name", "required": True}
    ]
