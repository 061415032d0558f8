"""The retained revisions show what each changed, how an item came about, and what became of conflicts."""

from api.federated_context import ConflictPolicyName
from core.inspection.difference import DifferenceKind
from core.inspection.history import ConflictState, conflicts, entries, item_history
from core.inspection.operator import operator_state
from tests.unit.core.past import began, grown, in_conflict, under
from tests.unit.core.scene import change, content, dot

SITE = "m1/p#1"


def test_each_revision_names_its_sites_and_what_became_of_items() -> None:
    history = grown(began(a="1", b="2"), change("c", "3", dot(SITE, 2000)))
    history = grown(history, change("a", None, dot(SITE, 2001), history[0].items[0].dot))
    first, second, third = entries(history)
    assert first.items == {"a": DifferenceKind.ADDED, "b": DifferenceKind.ADDED}
    assert (second.sites, second.items) == ([SITE], {"c": DifferenceKind.ADDED})
    assert third.items == {"a": DifferenceKind.REMOVED}


def test_the_oldest_retained_revision_names_what_its_sites_changed() -> None:
    history = grown(began(a="1", b="2"), change("c", "3", dot(SITE, 2000)))
    assert entries(history[1:])[0].items == {"c": DifferenceKind.CHANGED}


def test_an_item_has_one_version_for_each_change_that_became_it() -> None:
    history = began(a="1", b="2")
    history = grown(history, change("a", "2", dot(SITE, 2000), history[0].items[0].dot))
    history = grown(history, change("b", "3", dot(SITE, 2001), history[0].items[1].dot))
    history = grown(history, change("a", None, dot(SITE, 2002), dot(SITE, 2000)))
    found = item_history(history, "a")
    assert [(version.revision.version, version.item.deleted) for version in found] == [(1, None), (2, None), (4, True)]


def test_a_conflict_that_the_policy_decides_is_recorded_with_both_contents() -> None:
    (conflict,) = conflicts(in_conflict(ConflictPolicyName.LAST_WRITER_WINS))
    assert (conflict.state, conflict.version) == (ConflictState.RECORDED, 3)
    assert conflict.record.lost.content == content("early")
    assert conflict.kept is not None
    assert conflict.kept.content == content("late")


def test_an_open_conflict_stays_one_conflict_until_an_operator_has_changed_its_item() -> None:
    wanted, history = under(ConflictPolicyName.MANUAL), in_conflict(ConflictPolicyName.MANUAL)
    history = grown(history, change("b", "later", dot(SITE, 2100)), wanted=wanted)
    opened = [conflict for conflict in conflicts(history) if conflict.record.item == "a"]
    assert [(conflict.state, conflict.version) for conflict in opened] == [(ConflictState.OPEN, 3)]
    kept = operator_state("operator/anna#1", history[-1], {"a": content("late")}, now_millis=3000)
    history = grown(history, *kept.changes, wanted=wanted)
    states = {conflict.record.item: conflict.state for conflict in conflicts(history)}
    assert states["a"] is ConflictState.RESOLVED


def test_nothing_is_told_of_an_empty_history() -> None:
    assert (entries([]), item_history([], "a"), conflicts([])) == ([], [], [])
