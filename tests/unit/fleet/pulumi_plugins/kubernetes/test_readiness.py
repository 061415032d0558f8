"""What a created or updated object is waited for."""

import json
from typing import Any

import pytest

from fleet.pulumi_plugins.kubernetes.readiness import check_of, seconds


def declared(wait_for: str = "", **more: Any) -> dict[str, Any]:
    annotations = {"pulumi.com/waitFor": wait_for} if wait_for else {}
    return {"apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"annotations": annotations}, **more}


def missing(inputs: dict[str, Any], live: dict[str, Any]) -> str:
    check = check_of(inputs)
    assert check is not None
    return check(live)


def conditioned(generation: int, rest: dict[str, Any], /, **condition: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", **condition}
    return {"metadata": {"generation": generation}, "status": {"conditions": [ready], **rest}}


@pytest.mark.parametrize(
    ("wait_for", "live", "ready"),
    [
        ("condition=Ready", {}, False),
        ("condition=Ready", conditioned(1, {}), True),
        ("condition=ready", conditioned(1, {}), True),
        ("condition=Ready=True", conditioned(1, {}), True),
        ("condition=Ready=False", conditioned(1, {}), False),
        ("condition=Ready", conditioned(1, {}, status="False"), False),
        ("condition=Ready", conditioned(2, {"observedGeneration": 1}), False),
        ("condition=Ready", conditioned(2, {"observedGeneration": 2}), True),
        ("condition=Ready", conditioned(2, {"observedGeneration": 1}, observedGeneration=2), True),
        ("condition=Ready", conditioned(2, {"observedGeneration": 2}, observedGeneration=1), False),
        ("jsonpath={.status.phase}=Applied", {"status": {"phase": "Applied"}}, True),
        ("jsonpath={.status.phase}=Applied", {"status": {"phase": "Pending"}}, False),
        ("jsonpath={.status.phase}", {"status": {"phase": "Pending"}}, True),
        ("jsonpath={.status.phase}", {}, False),
        ("jsonpath={.status.count}=3", {"status": {"count": 3}}, True),
        ("jsonpath={.status.done}=true", {"status": {"done": True}}, True),
        ('jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', conditioned(1, {}), True),
        (
            "jsonpath={.status.phase}=Applied",
            {"metadata": {"generation": 2}, "status": {"phase": "Applied", "observedGeneration": 1}},
            False,
        ),
    ],
)
def test_a_program_waits_for_a_condition_or_a_value(wait_for: str, live: dict[str, Any], ready: bool) -> None:
    assert (missing(declared(wait_for), live) == "") == ready


def test_all_of_several_expressions_have_to_hold() -> None:
    wait_for = json.dumps(["condition=Ready", "jsonpath={.status.phase}=Applied"])
    assert missing(declared(wait_for), conditioned(1, {})) == "[2/2] Waiting for {.status.phase}=Applied"
    assert missing(declared(wait_for), conditioned(1, {"phase": "Applied"})) == ""


@pytest.mark.parametrize(
    "wait_for",
    [
        "Ready",
        "condition=",
        "jsonpath=.status",
        "jsonpath={.status}=",
        "jsonpath={.status}x",
        "jsonpath={status!}",
        "[]",
        "[1]",
    ],
)
def test_an_expression_that_cannot_be_read_is_refused(wait_for: str) -> None:
    with pytest.raises(ValueError, match=r"pulumi\.com/waitFor|JSONPath"):
        check_of(declared(wait_for))


def test_a_value_that_is_not_simple_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="not a simple value"):
        missing(declared("jsonpath={.status}=x"), {"status": {}})


def test_skipping_the_wait_wins() -> None:
    inputs = declared("condition=Ready")
    inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] = "true"
    assert check_of(inputs) is None


@pytest.mark.parametrize("kind", ["ConfigMap", "Thing", "Role"])
def test_other_kinds_are_not_awaited(kind: str) -> None:
    assert check_of({"apiVersion": "v1", "kind": kind}) is None


def deployment(**status: int) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}


@pytest.mark.parametrize(
    ("live", "says"),
    [
        (deployment(), "rollout to begin"),
        (deployment(observedGeneration=1, updatedReplicas=2, availableReplicas=2), "rollout to begin"),
        (deployment(observedGeneration=2, updatedReplicas=1, availableReplicas=2), "updated (1/2)"),
        (deployment(observedGeneration=2, updatedReplicas=2, availableReplicas=1), "ready (1/2)"),
        (deployment(observedGeneration=2, replicas=3, updatedReplicas=2, availableReplicas=2), "1 old Pods"),
        (deployment(observedGeneration=2, replicas=2, updatedReplicas=2, availableReplicas=2), ""),
    ],
)
def test_a_deployment_is_awaited_until_it_is_rolled_out(live: dict[str, Any], says: str) -> None:
    text = missing({"apiVersion": "apps/v1", "kind": "Deployment"}, live)
    assert says in text
    assert bool(says) == bool(text)


ESTABLISHED = [{"type": kind, "status": "True"} for kind in ("NamesAccepted", "Established")]


@pytest.mark.parametrize(
    ("inputs", "unready", "ready"),
    [
        (
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"},
            {"status": {"conditions": ESTABLISHED[:1]}},
            {"status": {"conditions": ESTABLISHED}},
        ),
        (
            {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"},
            {"status": {"conditions": [{"type": "Available", "status": "False"}]}},
            {"status": {"conditions": [{"type": "Available", "status": "True"}]}},
        ),
        ({"apiVersion": "v1", "kind": "Namespace"}, {"status": {}}, {"status": {"phase": "Active"}}),
        (
            {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token"},
            {"data": {}},
            {"data": {"token": "dA=="}},
        ),
        (
            {"apiVersion": "v1", "kind": "Service"},
            {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}},
            {"spec": {"type": "ClusterIP"}},
        ),
    ],
)
def test_some_kinds_are_awaited(inputs: dict[str, Any], unready: dict[str, Any], ready: dict[str, Any]) -> None:
    assert missing(inputs, unready) != ""
    assert missing(inputs, ready) == ""


def test_how_long_to_wait_is_the_programs_the_annotations_or_the_default() -> None:
    annotated = {"metadata": {"annotations": {"pulumi.com/timeoutSeconds": "30"}}}
    assert seconds(annotated, 7) == 7
    assert seconds(annotated, 0) == 30
    assert seconds({}, 0) == 600
    assert seconds({"type": "kubernetes.io/service-account-token"}, 0) == 5
