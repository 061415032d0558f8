"""Which members a context is for."""

import pytest

from api.federated_context import LabelSelector
from core.hub.placement import karmada_placement, placed
from tests.unit.core.scene import spec

CLUSTERS = {"m1": {"region": "eu", "gpu": "yes"}, "m2": {"region": "us"}, "m3": {}}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["m1", "m2", "m3"]),
        ({"clusters": ["m2", "gone"]}, ["gone", "m2"]),
        ({"clusterSelector": {"matchLabels": {"region": "eu"}}}, ["m1"]),
        ({"clusterSelector": {"matchExpressions": [{"key": "region", "operator": "Exists"}]}}, ["m1", "m2"]),
        ({"clusterSelector": {"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]}}, ["m2", "m3"]),
        ({"clusterSelector": {"matchExpressions": [{"key": "region", "operator": "In", "values": ["us"]}]}}, ["m2"]),
        (
            {"clusterSelector": {"matchExpressions": [{"key": "region", "operator": "NotIn", "values": ["us"]}]}},
            ["m1", "m3"],
        ),
    ],
)
def test_members_are_placed_by_name_by_label_or_all(wanted: dict[str, object], names: list[str]) -> None:
    chosen = type(spec()).model_validate({**spec().wire(), **wanted})
    assert placed(chosen, CLUSTERS) == names


def test_karmada_is_told_the_same_selection_and_tolerates_members_that_are_away() -> None:
    found = karmada_placement(selector=LabelSelector(match_labels={"region": "eu"}))
    assert found["clusterAffinity"]["labelSelector"]["matchLabels"] == {"region": "eu", "mcpfed.io/ready": "true"}
    assert {toleration["key"] for toleration in found["clusterTolerations"]} == {
        "cluster.karmada.io/not-ready",
        "cluster.karmada.io/unreachable",
    }
