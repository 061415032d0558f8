"""What Karmada copies, and to which members."""

from api.federated_context import LabelSelector
from core.hub import propagation
from core.hub.propagation import karmada_placement
from tests.unit.core.scene import context, spec


def test_the_policy_selects_this_context_alone_and_prepared_members_only() -> None:
    named = context(spec().model_copy(update={"clusters": ["m2", "m1"]}))
    policy = propagation.propagation_policy(named)["spec"]
    (selector,) = policy["resourceSelectors"]
    assert (selector["kind"], selector["name"], selector["namespace"]) == ("MCPContext", "demo", "team")
    affinity = policy["placement"]["clusterAffinity"]
    assert affinity["clusterNames"] == ["m1", "m2"]
    assert affinity["labelSelector"]["matchLabels"] == {"mcpfed.io/ready": "true"}


def test_a_credential_goes_to_its_own_member_only() -> None:
    assert propagation.credential_policy("m1")["spec"]["placement"] == {"clusterAffinity": {"clusterNames": ["m1"]}}


def test_karmada_is_given_the_same_selection_and_tolerates_members_that_are_away() -> None:
    found = karmada_placement(selector=LabelSelector(match_labels={"region": "eu"}))
    assert found["clusterAffinity"]["labelSelector"]["matchLabels"] == {"region": "eu", "mcpfed.io/ready": "true"}
    assert {toleration["key"] for toleration in found["clusterTolerations"]} == {
        "cluster.karmada.io/not-ready",
        "cluster.karmada.io/unreachable",
    }
