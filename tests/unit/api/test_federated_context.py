"""What a declaration may say."""

from typing import Any

import pytest
from pydantic import ValidationError

from api.federated_context import ConflictPolicy

BY_PRIORITY: list[dict[str, Any]] = [
    {"default": "ClusterPriority"},
    {"rules": [{"match": "a", "direction": "TwoWay"}, {"match": "notes/*", "policy": "ClusterPriority"}]},
]


@pytest.mark.parametrize("policy", BY_PRIORITY, ids=["default", "rule"])
def test_cluster_priority_is_refused_without_an_order_of_clusters(policy: dict[str, Any]) -> None:
    empty: dict[str, Any] = {**policy, "priority": []}
    for without in (policy, empty):
        with pytest.raises(ValidationError, match=r"ClusterPriority needs conflictPolicy\.priority: list the clusters"):
            ConflictPolicy.model_validate(without)
    assert ConflictPolicy.model_validate({**policy, "priority": ["m1"]}).priority == ["m1"]


def test_an_order_of_clusters_is_needed_by_no_other_policy() -> None:
    assert ConflictPolicy.model_validate({"default": "Manual", "rules": [{"match": "a", "policy": "LastWriterWins"}]})
