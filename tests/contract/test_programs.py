"""The programs that ship: the reference stack and the examples, run as Pulumi runs them."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from examples.assistant import contexts as assistant
from tests.contract.federations import kubeconfig
from tests.contract.recording import Registration, record

ROOT = Path(__file__).parents[2]
STACK = ROOT / "stacks/federation"


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


def test_the_stack_declares_the_reference_server_and_its_contexts_by_default(fleet: dict[str, Any]) -> None:
    found = record(configured(fleet=fleet, retainCrds=False))
    assert [each.place[3] for each in objects(found, "FederatedContext")] == [
        "assistant-prompts",
        "assistant-resources",
        "assistant-tools",
    ]
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
