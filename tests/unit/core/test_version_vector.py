"""Version vectors form a lattice: join is the least upper bound of dominates."""

from hypothesis import given
from hypothesis import strategies as st

from api.dot import Dot
from core import clock, version_vector

VECTORS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 9).map(clock.encode))


@given(VECTORS, VECTORS)
def test_a_join_dominates_both_and_does_not_depend_on_their_order(one: dict[str, str], other: dict[str, str]) -> None:
    joined = version_vector.join(one, other)
    assert joined == version_vector.join(other, one)
    assert version_vector.dominates(joined, one)
    assert version_vector.dominates(joined, other)


@given(VECTORS, VECTORS, VECTORS)
def test_a_join_is_the_least_that_dominates_both(
    one: dict[str, str], other: dict[str, str], top: dict[str, str]
) -> None:
    if version_vector.dominates(top, one) and version_vector.dominates(top, other):
        assert version_vector.dominates(top, version_vector.join(one, other))


@given(VECTORS)
def test_a_vector_dominates_itself_and_includes_its_own_entries(vector: dict[str, str]) -> None:
    assert version_vector.dominates(vector, vector)
    assert all(version_vector.includes(vector, Dot(site=site, hlc=hlc)) for site, hlc in vector.items())


def test_a_site_never_heard_of_is_not_included() -> None:
    assert not version_vector.includes({}, Dot(site="a", hlc=clock.encode(1)))
