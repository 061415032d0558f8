"""One step of the control plane: what does not fit waits where it was made, and what is old is not declared again."""

from api.context_replica import ContextReplicaSpec, SiteState
from core.hub.advance import advance, held_back, undeclared
from core.hub.merge import Merger
from tests.unit.core.scene import change, context, dot, spec, texts

MERGER = Merger("t", 10_000)
BIG = "x" * 200_000


def site(name: str, text: str, millis: int) -> SiteState:
    return SiteState(site=f"{name}/p#1", pod="p", changes=[change(name, text, dot(f"{name}/p#1", millis))])


def test_proposals_are_taken_in_as_far_as_they_fit_and_the_others_wait() -> None:
    first = advance(context(spec(a="1")), [site("m1", BIG, 1), site("m2", BIG, 2), site("m3", "3", 3)], [], MERGER)
    assert first is not None
    assert texts(first).keys() == {"a", "m1", "m3"}
    sites = [site("m1", BIG, 1), site("m2", BIG, 2), site("m3", "3", 3)]
    assert advance(context(spec(a="1")), sites, [first], MERGER) is None


def test_a_declaration_that_does_not_fit_beside_members_items_is_not_forgotten() -> None:
    first = advance(context(spec(a="1")), [site("m1", BIG, 1)], [], MERGER)
    assert first is not None
    bigger = context(spec(a=BIG), generation=2)
    second = advance(bigger, [site("m2", "2", 2)], [first], MERGER)
    assert second is not None
    assert texts(second)["m2"] == "2"
    assert undeclared(bigger, [first, second], MERGER) == ("a",)
    shrunk = SiteState(site="m1/p#1", pod="p", changes=[change("m1", "small", dot("m1/p#1", 5))])
    third = advance(bigger, [shrunk], [first, second], MERGER)
    assert third is not None
    fourth = advance(bigger, [shrunk], [first, second, third], MERGER) or third
    assert texts(fourth)["a"] == BIG
    assert undeclared(bigger, [first, second, third, fourth], MERGER) == ()


def test_an_instance_that_lags_behind_does_not_declare_an_old_generation_again() -> None:
    first = advance(context(spec(a="1")), [], [], MERGER)
    assert first is not None
    second = advance(context(spec(a="2"), generation=2), [], [first], MERGER)
    assert second is not None
    assert advance(context(spec(a="1"), generation=1), [], [first, second], MERGER) is None


def test_changes_that_stand_on_an_unknown_revision_wait_for_the_inventory() -> None:
    first = advance(context(spec(a="1")), [], [], MERGER)
    assert first is not None
    stranger = SiteState(
        site="m1/p#1",
        pod="p",
        base_version=7,
        base_digest="sha256:" + "9" * 64,
        changes=[change("b", "2", dot("m1/p#1", 5))],
    )
    assert advance(context(spec(a="1")), [stranger], [first], MERGER) is None


def test_what_is_held_back_is_named() -> None:
    first = advance(context(spec(a="1")), [], [], MERGER)
    assert first is not None
    replica = ContextReplicaSpec(context="demo", cluster="m1", sites=[site("m1", BIG, 1)])
    assert held_back([first], replica) == ("m1",)
