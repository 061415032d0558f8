"""Version vectors form a lattice: join is the least upper bound of dominates."""

from hypothesis import given
from hypothesis import strategies as st

from api.dot import Dot
from core.values import clock, version_vector

VECTORS = st.dictionaries(st.sampled_from(["a", "b", "c", version_vector.RETIRED]), st.integers(1, 9).map(clock.encode))


@given(VECTORS, VECTORS)
def test_a_join_dominates_both_and_does_not_depend_on_their_order(one: dict[str, str], other: dict[str, str]) -> None:
    joined = version_vector.least_upper_bound(one, other)
    assert joined == version_vector.least_upper_bound(other, one)
    assert version_vector.dominates(joined, one)
    assert version_vector.dominates(joined, other)


@given(VECTORS, VECTORS, VECTORS)
def test_a_join_is_the_least_that_dominates_both(
    one: dict[str, str], other: dict[str, str], top: dict[str, str]
) -> None:
    if version_vector.dominates(top, one) and version_vector.dominates(top, other):
        assert version_vector.dominates(top, version_vector.least_upper_bound(one, other))


@given(VECTORS)
def test_a_vector_dominates_itself_and_includes_its_own_entries(vector: dict[str, str]) -> None:
    assert version_vector.dominates(vector, vector)
    assert all(version_vector.includes(vector, Dot(site=site, hlc=hlc)) for site, hlc in vector.items())


def test_a_site_never_heard_of_is_not_included() -> None:
    assert not version_vector.includes({}, Dot(site="a", hlc=clock.encode(1)))


def test_a_site_that_is_no_longer_named_is_covered_but_may_not_propose_the_same_again_unseen() -> None:
    vector, old = {version_vector.RETIRED: clock.encode(5)}, Dot(site="gone", hlc=clock.encode(5))
    assert version_vector.covers(vector, old)
    assert not version_vector.includes(vector, old)
    assert not version_vector.covers(vector, Dot(site="gone", hlc=clock.encode(6)))


def test_a_site_that_is_named_is_covered_by_its_own_entry_alone() -> None:
    vector = {"a": clock.encode(2), version_vector.RETIRED: clock.encode(5)}
    assert not version_vector.covers(vector, Dot(site="a", hlc=clock.encode(3)))
