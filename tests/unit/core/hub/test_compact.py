"""What is old and gone is not carried on; a site that is still named keeps its entry, and nothing is decided twice."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from api.context_replica import SiteState
from api.context_revision import RevisionItem
from core.hub.advance import advance
from core.hub.compact import KEPT_FOR, TOMBSTONES_LIMIT, without_gone_sites, without_old_tombstones
from core.hub.merge import Merger
from core.values import clock
from core.values.version_vector import RETIRED, dominates
from tests.unit.core.scene import change, context, dot, spec

WEEKS = KEPT_FOR // timedelta(milliseconds=1)
NOW = 2 * WEEKS
SITES = ["a", "b", "c", "d"]
VECTORS = st.dictionaries(st.sampled_from([*SITES, RETIRED]), st.integers(1, NOW).map(clock.encode))


@given(VECTORS, st.sets(st.sampled_from(SITES)), st.integers(NOW, 3 * NOW))
def test_a_compacted_vector_accounts_for_the_same_and_names_who_is_spoken_of(
    vector: dict[str, str], spoken_of: set[str], now: int
) -> None:
    compacted = without_gone_sites(vector, spoken_of, now)
    assert dominates(compacted, vector)
    assert all(compacted.get(site) == vector.get(site) for site in spoken_of)
    assert clock.latest(compacted.values()) == clock.latest(vector.values())
    assert without_gone_sites(compacted, spoken_of, now) == compacted


def test_sites_that_are_gone_for_long_share_one_entry() -> None:
    vector = {"a": clock.encode(1), "b": clock.encode(3), "c": clock.encode(2), "d": clock.encode(NOW)}
    assert without_gone_sites(vector, ["c"], NOW) == {
        RETIRED: clock.encode(3),
        "c": clock.encode(2),
        "d": clock.encode(NOW),
    }


def test_what_was_deleted_long_ago_is_forgotten_and_live_items_are_not() -> None:
    items = {
        "live": RevisionItem(name="live", digest="sha256:" + "0" * 64, dot=dot("a", 1)),
        "old": RevisionItem(name="old", deleted=True, dot=dot("a", 1)),
        "new": RevisionItem(name="new", deleted=True, dot=dot("a", NOW)),
    }
    assert without_old_tombstones(items, NOW).keys() == {"live", "new"}


def test_of_more_deleted_items_than_can_be_carried_the_latest_stay() -> None:
    count = TOMBSTONES_LIMIT + 3
    items = {str(n): RevisionItem(name=str(n), deleted=True, dot=dot("a", NOW + n)) for n in range(count)}
    assert without_old_tombstones(items, NOW).keys() == {str(n) for n in range(3, count)}


def test_a_commit_leaves_behind_what_is_old_and_an_undecided_change_of_before_is_still_taken_in() -> None:
    def merger(millis: int) -> Merger:
        return Merger("t", millis)

    gone = SiteState(site="m1/p#1", changes=[change("b", "2", dot("m1/p#1", 20))])
    first = advance(context(spec(a="1")), [gone], [], merger(10))
    assert first is not None
    second = advance(context(spec(), generation=2), [], [first], merger(30))
    assert second is not None
    assert {item.name for item in second.items} == {"a", "b"}

    late = SiteState(site="m2/p#1", changes=[change("c", "3", dot("m2/p#1", 15))])
    third = advance(context(spec(), generation=2), [late], [first, second], merger(NOW))
    assert third is not None
    assert {item.name for item in third.items} == {"b", "c"}
    assert third.version_vector.keys() == {RETIRED, "m2/p#1"}
    assert dominates(third.version_vector, second.version_vector)
    assert advance(context(spec(), generation=2), [late], [first, second, third], merger(NOW)) is None
