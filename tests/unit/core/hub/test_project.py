"""What Karmada gets to see of a head."""

from api.federated_context import Direction
from core.hub import project, propagation
from tests.unit.core.scene import advance, change, context, dot, payload, spec


def test_live_items_are_served_with_their_dots_and_deleted_ones_are_tombstones() -> None:
    first = advance(None, [], declared=payload(a="1", b="2"))
    head = advance(first, [change("a", None, dot("m1/p#1", 200), first.items[0].dot if first else None)])
    assert head is not None
    served = project.served(context(), head)
    assert [item.name for item in served.context_payload.items] == ["b"]
    assert served.context_payload.items[0].dot == head.items[1].dot
    assert [(gone.name, gone.dot) for gone in served.tombstones] == [("a", dot("m1/p#1", 200))]
    assert (served.digest, served.chain_digest, served.version) == (head.digest, head.chain_digest, 2)


def test_what_is_projected_is_collected_with_its_context() -> None:
    head = advance(None, [])
    assert head is not None
    for obj in (project.mcp_context(context(), head), propagation.propagation_policy(context())):
        assert obj["metadata"]["ownerReferences"][0]["uid"] == "u-1"


def test_members_get_the_rules_by_which_items_are_local_only_where_some_are() -> None:
    head = advance(None, [])
    assert head is not None
    assert "localItems" not in project.mcp_context(context(), head)["spec"]
    present = context(spec().model_copy(update={"direction": Direction.LOCAL}))
    assert project.mcp_context(present, head)["spec"]["localItems"] == [{"match": "*", "local": True}]


def test_what_is_wanted_no_longer_is_not_as_wanted() -> None:
    head = advance(None, [])
    assert head is not None
    plain, present = context(), context(spec().model_copy(update={"direction": Direction.LOCAL}))
    placed = context(spec().model_copy(update={"clusters": ["m1"]}))
    for stored, desired in (
        (project.mcp_context(present, head), project.mcp_context(plain, head)),
        (propagation.propagation_policy(placed), propagation.propagation_policy(plain)),
    ):
        assert project.is_applied(stored, stored)
        assert not project.is_applied(stored, desired)


def test_what_karmada_adds_to_a_policy_is_as_wanted() -> None:
    policy = propagation.propagation_policy(context())
    stored = {**policy, "spec": {**policy["spec"], "preemption": "Never"}}
    assert project.is_applied(stored, policy)


def test_covers_ignores_what_others_added_but_no_difference() -> None:
    assert project.covers({"a": 1, "b": [{"c": 2, "d": 3}]}, {"b": [{"c": 2}]})
    assert not project.covers({"b": [{"c": 2}]}, {"b": [{"c": 3}]})
    assert not project.covers({"b": [1, 2]}, {"b": [1]})
    assert not project.covers({}, {"a": None})
