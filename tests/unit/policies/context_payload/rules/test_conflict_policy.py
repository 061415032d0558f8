"""What a conflict policy needs."""

import pytest

from tests.unit.policies.context_payload.contexts import broken


@pytest.mark.parametrize(
    "policy", [{"default": "ClusterPriority"}, {"rules": [{"match": "*", "policy": "ClusterPriority"}]}]
)
def test_cluster_priority_without_an_order_of_clusters_is_stopped(policy: dict[str, object]) -> None:
    (violation,) = broken("prompts", conflictPolicy=policy)["conflict-policy"]
    assert violation[0] is None
    assert "ClusterPriority needs conflictPolicy.priority: list the clusters" in violation[1]
    assert broken("prompts", conflictPolicy={**policy, "priority": ["m1"]}) == {}
