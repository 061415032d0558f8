"""Which of the stored revisions are the history."""

from hypothesis import given
from hypothesis import strategies as st

from api.context_revision import ContextRevisionSpec
from core.values.chain import linked
from tests.unit.core.past import histories
from tests.unit.core.scene import advance, change, dot


@given(histories(), st.integers(0, 5))
def test_a_history_is_linked_however_much_of_its_beginning_is_no_longer_kept(
    history: list[ContextRevisionSpec], dropped: int
) -> None:
    kept = history[dropped:]
    assert linked(kept) == kept


def test_a_revision_under_a_name_that_had_become_free_again_is_no_part_of_the_history() -> None:
    first = advance(None, [change("a", "1", dot("m1/p#1", 200))])
    assert first is not None
    history = [first]
    for number in range(4):
        revision = advance(
            history[-1], [change("a", f"v{number}", dot("m1/p#1", 300 + number), history[-1].items[0].dot)]
        )
        assert revision is not None
        history.append(revision)
    straggler = advance(history[0], [change("a", "late", dot("m2/p#1", 250))])
    assert straggler is not None
    assert straggler.version == history[1].version
    assert linked([straggler, *history[3:]]) == history[3:]
