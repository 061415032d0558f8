"""A control plane that lost revisions takes back what a member holds, in a new epoch, and loses nothing of its own."""

from api.context_replica import Inventory, SiteState
from api.context_revision import ContextRevisionSpec
from core.hub.commit import next_revision
from core.hub.merge import Merger
from core.hub.recover import may_be_merged, recover
from core.values import version_vector
from tests.unit.core.scene import advance, change, dot, payload, spec, texts


def inventory(revision: ContextRevisionSpec) -> Inventory:
    return Inventory(
        epoch=revision.epoch,
        version=revision.version,
        chain_digest=revision.chain_digest,
        version_vector=revision.version_vector,
        items=revision.items,
    )


def state(revision: ContextRevisionSpec, pod: str = "p") -> SiteState:
    return SiteState(site="m1/p#1", pod=pod, base_version=revision.version, base_digest=revision.chain_digest)


def built(*steps: tuple[str, str, int]) -> list[ContextRevisionSpec]:
    """A declared history of item a, then edits (item, text, millis) by members that had seen the head."""
    first = advance(None, [], declared=payload(a="1"))
    assert first is not None
    history = [first]
    for item, text, millis in steps:
        held = {found.name: found.dot for found in history[-1].items}
        revision = advance(history[-1], [change(item, text, dot("m1/p#1", millis), held.get(item))])
        assert revision is not None
        history.append(revision)
    return history


def recovered(history: list[ContextRevisionSpec], lost: ContextRevisionSpec) -> ContextRevisionSpec | None:
    merger = Merger("again", 9_000)
    found = recover(history, inventory(lost), [], spec(), merger)
    if found is None:
        return None
    return next_revision("demo", history[-1], found.merged, history[-1].declared, 9_000, found.number)


def test_changes_that_stand_on_the_history_or_on_what_was_pruned_need_not_wait() -> None:
    history = built(("a", "2", 200), ("a", "3", 300), ("a", "4", 400))
    assert may_be_merged(history, state(history[1]))
    assert may_be_merged(history[2:], state(history[0]))
    assert not may_be_merged(history[:2], state(history[3]))


def test_changes_of_a_pod_that_is_gone_wait_only_for_the_inventory_that_it_left() -> None:
    history = built(("a", "2", 200), ("a", "3", 300))
    gone = state(history[2], pod="")
    assert may_be_merged(history[:2], gone)
    assert not may_be_merged([], gone)
    leaving = gone.model_copy(update={"inventory": inventory(history[2])})
    assert not may_be_merged(history[:2], leaving)
    after = recovered(history[:2], history[2])
    assert after is not None
    assert may_be_merged([*history[:2], after], leaving)


def test_lost_revisions_come_back_in_a_new_epoch_past_every_number_ever_seen() -> None:
    history = built(("a", "2", 200), ("b", "3", 300))
    after = recovered(history[:1], history[-1])
    assert after is not None
    assert texts(after) == {"a": "2", "b": "3"}
    assert (after.epoch, after.version) == (1, history[-1].version + 1)
    assert version_vector.dominates(after.version_vector, history[-1].version_vector)


def test_a_change_on_top_of_something_lost_does_not_replace_what_it_had_not_seen() -> None:
    history = built(("a", "seen", 200), ("a", "unseen", 300))
    late = change("a", "mine", dot("m2/p#1", 250), history[1].items[0].dot)
    found = recover(history[:1], inventory(history[2]), [late], spec(), Merger("again", 9_000))
    assert found is not None
    lost = {record.lost.dot for record in found.merged.conflicts}
    assert {*lost, found.merged.items["a"].dot} == {late.dot, history[2].items[0].dot}


def test_what_was_committed_after_the_restore_is_kept_and_the_loser_recorded() -> None:
    lost = built(("a", "lost branch", 200))
    fork = advance(lost[0], [change("a", "fork", dot("m2/p#1", 500), lost[0].items[0].dot)])
    assert fork is not None
    after = recovered([lost[0], fork], lost[-1])
    assert after is not None
    assert texts(after)["a"] == "fork"
    assert [record.lost.dot for record in after.conflicts] == [dot("m1/p#1", 200)]


def test_an_inventory_that_the_store_has_is_not_taken_in_again() -> None:
    history = built(("a", "2", 200))
    after = recovered(history[:1], history[-1])
    assert after is not None
    assert recover([*history[:1], after], inventory(history[-1]), [], spec(), Merger("again", 9_100)) is None


def test_a_deletion_in_the_lost_branch_comes_back_too() -> None:
    history = built(("b", "2", 200))
    gone = advance(history[-1], [change("b", None, dot("m1/p#1", 300), history[-1].items[1].dot)])
    assert gone is not None
    after = recovered(history, gone)
    assert after is not None
    assert texts(after) == {"a": "1"}
