"""A person's changes are those of a site that has seen the head."""

from core.inspection.operator import operator_site, operator_state
from tests.unit.core.past import began
from tests.unit.core.scene import content


def test_changes_are_later_than_all_that_the_head_has_seen_even_with_a_clock_that_is_behind() -> None:
    head = began(a="1", b="2")[0]
    site = operator_site("anna", "0a1b2c3d")
    state = operator_state(site, head, {"b": None, "a": content("x")}, now_millis=1)
    readings = [change.dot.hlc for change in state.changes]
    assert readings == sorted(set(readings))
    assert min(readings) > head.hlc
    assert [change.dot.site for change in state.changes] == [site, site]


def test_changes_stand_on_the_items_of_the_head() -> None:
    head = began(a="1")[0]
    state = operator_state("operator/x#1", head, {"a": None, "new": content("x")}, now_millis=1)
    assert [(change.item, change.base_dot) for change in state.changes] == [("a", head.items[0].dot), ("new", None)]
    assert (state.base_version, state.base_digest) == (head.version, head.chain_digest)


def test_a_site_names_the_person_and_the_command_and_fits_the_limit() -> None:
    assert operator_site("anna@example.org", "0a1b2c3d") == "operator/anna@example.org#0a1b2c3d"
    assert len(operator_site("x" * 1000, "0a1b2c3d")) < 384
