"""What a member is given: rights to its own replicas, and its name."""

from core.hub import membership

OWNER = membership.owned_by("u-1")


def test_a_member_may_write_its_own_replicas_and_its_heartbeat_and_nothing_else() -> None:
    role = next(obj for obj in membership.member_objects("m1", OWNER) if obj["kind"] == "Role")
    assert role["metadata"]["namespace"] == "mcpfed-m1"
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {"contextreplicas", "leases"}


def test_its_namespace_is_not_propagated_to_members() -> None:
    namespace = membership.member_objects("m1", OWNER)[0]
    assert namespace["metadata"]["labels"] == {"namespace.karmada.io/skip-auto-propagation": "true"}


def test_each_member_learns_its_own_name() -> None:
    rules = membership.identity_policy({"m2", "m1"}, OWNER)["spec"]["overrideRules"]
    assert [(r["targetCluster"]["clusterNames"], r["overriders"]["plaintext"][0]["value"]) for r in rules] == [
        (["m1"], "m1"),
        (["m2"], "m2"),
    ]


def test_a_cluster_serves_contexts_once_both_kinds_are_enabled() -> None:
    kinds = [{"kind": "MCPContext"}, {"kind": "ContextReplica"}]
    enabled = {"status": {"apiEnablements": [{"groupVersion": "mcpfed.io/v1alpha1", "resources": kinds}]}}
    half = {"status": {"apiEnablements": [{"groupVersion": "mcpfed.io/v1alpha1", "resources": kinds[:1]}]}}
    assert membership.serves_contexts(enabled)
    assert not membership.serves_contexts(half)
    assert not membership.serves_contexts({})
