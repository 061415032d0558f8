"""Which members a context is for."""

import pytest

from core.hub.placement import placed
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
