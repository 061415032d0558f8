"""A rollback is a new revision with old content."""

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from api.context_revision import ContextRevisionSpec
from core.inspection.difference import live
from core.inspection.operator import operator_site, operator_state
from core.inspection.rollback import rollback
from core.inspection.verify import verify
from tests.unit.core.past import began, grown, histories
from tests.unit.core.scene import change, dot, texts

SITE = operator_site("anna", "0a1b2c3d")


@given(histories(), st.data())
def test_after_a_rollback_the_content_is_that_of_the_older_revision(
    history: list[ContextRevisionSpec], data: st.DataObject
) -> None:
    head, target = history[-1], data.draw(st.sampled_from(history))
    wanted = rollback(head, target)
    if not wanted:
        assert head.digest == target.digest
        return
    after = grown(history, *operator_state(SITE, head, wanted, now_millis=5).changes)
    assert after[-1].digest == target.digest
    assert after[-1].version == head.version + 1
    assert len(after[-1].conflicts) <= len(head.conflicts)
    assert verify(after) == []


@given(histories(), st.sampled_from(["a", "[bc]", "z*"]))
def test_only_items_that_match_are_rolled_back(history: list[ContextRevisionSpec], pattern: str) -> None:
    wanted = rollback(history[-1], history[0], pattern)
    assert all(fnmatchcase(name, pattern) for name in wanted)


def test_what_was_added_since_is_deleted_and_what_was_deleted_comes_back() -> None:
    history = began(a="1")
    deletion = change("a", None, dot("m1/p#1", 2001), history[0].items[0].dot)
    history = grown(history, change("b", "2", dot("m1/p#1", 2000)), deletion)
    wanted = rollback(history[-1], history[0])
    assert wanted == {"a": live(history[0])["a"], "b": None}
    after = grown(history, *operator_state(SITE, history[-1], wanted, now_millis=5).changes)
    assert texts(after[-1]) == {"a": "1"}
