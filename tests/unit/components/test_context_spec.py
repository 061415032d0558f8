"""A context is checked where it is declared, and every error says which context and which item."""

from typing import Any, cast

import pulumi
import pytest
from pydantic.alias_generators import to_camel

from api.federated_context import ConflictPolicyName, FederatedContextSpec
from api.names import INLINE_LIMIT_BYTES
from components.context_spec import context_spec
from components.declaration_args import ContextDeclarationArgs


def settings(*items: dict[str, Any], **others: Any) -> ContextDeclarationArgs:
    base = {"name": "notes", "namespace": "team", "mcp_server_name": "assistant", "context_type": "resources"}
    return cast("ContextDeclarationArgs", {**base, "items": list(items), **others})


def document(name: str = "a.md", **fields: Any) -> dict[str, Any]:
    return {"name": name, "definition": {"uri": f"resource:///{name}", "name": name}, "text": "hello", **fields}


def test_a_spec_holds_what_was_set_in_the_words_of_the_api() -> None:
    assert context_spec(settings(document(media_type="text/markdown"), history={"revisions": 5}, wait=True)) == {
        "mcpServerName": "assistant",
        "contextType": "resources",
        "history": {"revisions": 5},
        "contextPayload": {
            "items": [
                {
                    "name": "a.md",
                    "definition": {"uri": "resource:///a.md", "name": "a.md"},
                    "text": "hello",
                    "mediaType": "text/markdown",
                }
            ]
        },
    }


def test_everything_that_the_api_knows_can_be_declared_with_its_type() -> None:
    declared: ContextDeclarationArgs = {
        "name": "notes",
        "namespace": "team",
        "mcp_server_name": "assistant",
        "context_type": "prompts",
        "items": [],
        "cluster_selector": {"match_expressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
        "conflict_policy": {
            "default": ConflictPolicyName.CLUSTER_PRIORITY,
            "priority": ["m2", "m1"],
            "rules": [{"match": "notes/*", "policy": "Manual", "direction": "FromMember"}],
        },
        "direction": "TwoWay",
        "history": {"revisions": 5, "days": 30},
        "suspended": True,
    }
    spec = context_spec(declared)
    assert set(spec) == {to_camel(field) for field in FederatedContextSpec.model_fields} - {"clusters"}
    assert spec["conflictPolicy"]["priority"] == ["m2", "m1"]
    assert spec["history"] == {"revisions": 5, "days": 30}


def test_a_selector_is_written_in_camel_case() -> None:
    spec = context_spec(settings(cluster_selector={"match_labels": {"some_label": "x"}}))
    assert spec["clusterSelector"] == {"matchLabels": {"some_label": "x"}}


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (settings(document(), document()), r"context 'notes', spec: .*'a.md' is declared twice"),
        (settings(document(data="aGk=")), r"context 'notes', item 'a.md': .*at most one content"),
        (settings(document(mode="4755")), r"context 'notes', item 'a.md': mode: "),
        (settings(document("../x")), r"context 'notes', item '../x': name: "),
        (settings(document(definition={"uri": "nowhere"})), r"context 'notes', item 'a.md': definition.uri: "),
        (settings(document(definition={"x": 2**53})), r"context 'notes', item 'a.md': .*beyond 2\^53-1"),
        (settings(document(surprise=1)), r"context 'notes', item 'a.md': surprise: "),
        (settings({"text": "x"}), r"context 'notes', item 'number 1': name: "),
        (settings(clusters=["a"], cluster_selector={}), r"context 'notes', spec: .*clusters or clusterSelector"),
        (
            settings(conflict_policy={"default": "ClusterPriority"}),
            r"context 'notes', spec: conflict_policy: .*ClusterPriority needs conflictPolicy\.priority",
        ),
        (settings(context_type="files"), r"context 'notes', spec: .*'tools', 'resources' or 'prompts'"),
        (settings(name="Not A Name"), r"context 'Not A Name': a name has at most 63"),
        (settings(namespace="a.b"), r"context 'notes': namespace 'a.b': a name has at most 63"),
        (settings(mcp_server_name="Not A Name"), r"context 'notes', spec: mcp_server_name: "),
    ],
)
def test_a_fault_is_refused_by_context_and_item(declared: ContextDeclarationArgs, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        context_spec(declared)


def test_a_fault_is_reported_without_the_contents() -> None:
    with pytest.raises(ValueError, match="context 'notes'") as refused:
        context_spec(settings(document(text="my confidential note", data="bXk=", mode="x")))
    assert "confidential" not in str(refused.value)


def test_a_payload_over_the_limit_is_refused_with_its_largest_item() -> None:
    with pytest.raises(ValueError, match=rf"limit is {INLINE_LIMIT_BYTES}; its largest item is 'big.md'"):
        context_spec(settings(document("a.md", text="x" * 1000), document("big.md", text="x" * INLINE_LIMIT_BYTES)))


def test_a_payload_just_within_the_limit_is_taken() -> None:
    frame = len('{"items":[{"definition":{"name":"a.md","uri":"resource:///a.md"},"name":"a.md","text":""}]}')
    assert context_spec(settings(document(text="x" * (INLINE_LIMIT_BYTES - frame))))
    with pytest.raises(ValueError, match=f"has {INLINE_LIMIT_BYTES + 1} bytes"):
        context_spec(settings(document(text="x" * (INLINE_LIMIT_BYTES - frame + 1))))


async def test_an_output_in_a_payload_is_refused_wherever_it_is() -> None:
    secret = pulumi.Output.secret("password")
    with pytest.raises(ValueError, match=r"context 'notes', item 'a.md': holds a Pulumi output"):
        context_spec(settings(document(definition={"uri": "resource:///a", "_meta": {"deep": [{"x": secret}]}})))
    await secret.future()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match=r"context 'notes'"):
        context_spec(settings(document(definition={"uri": "resource:///a", "_meta": {"x": number}})))
