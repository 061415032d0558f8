"""Placements as Karmada reads them."""

from components.propagation import EVERYWHERE, ready_members


def test_by_default_every_ready_member_is_selected() -> None:
    assert ready_members()["clusterAffinity"] == {"labelSelector": {"matchLabels": {"mcpfed.io/ready": "true"}}}


def test_names_and_labels_narrow_the_ready_members() -> None:
    requirement = {"key": "zone", "operator": "Exists"}
    chosen = ready_members(
        ["a", "b"], {"match_labels": {"tier": "edge"}, "match_expressions": [{"key": "zone", "operator": "Exists"}]}
    )
    assert chosen["clusterAffinity"] == {
        "clusterNames": ["a", "b"],
        "labelSelector": {
            "matchLabels": {"tier": "edge", "mcpfed.io/ready": "true"},
            "matchExpressions": [requirement],
        },
    }


def test_nobody_can_select_members_that_are_not_ready() -> None:
    selected = ready_members(None, {"match_labels": {"mcpfed.io/ready": "false"}})
    assert selected["clusterAffinity"]["labelSelector"]["matchLabels"] == {"mcpfed.io/ready": "true"}


def test_a_member_that_is_away_stays_a_target() -> None:
    tolerated = {toleration["key"] for toleration in EVERYWHERE["clusterTolerations"]}
    assert tolerated == {"cluster.karmada.io/not-ready", "cluster.karmada.io/unreachable"}
    assert ready_members()["clusterTolerations"] == EVERYWHERE["clusterTolerations"]
