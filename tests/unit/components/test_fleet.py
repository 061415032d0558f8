"""Which names members may have."""

import pytest

from components.fleet import check_member_name


@pytest.mark.parametrize("name", ["a", "member1", "eu-west-1", "a" * 48])
def test_a_name_that_karmada_takes_is_a_members_name(name: str) -> None:
    check_member_name(name)


@pytest.mark.parametrize("name", ["", "Member", "-a", "a-", "a.b", "a" * 49])
def test_a_name_that_karmada_would_refuse_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match="at most 48"):
        check_member_name(name)


def test_a_member_cannot_take_a_name_that_the_controllers_use() -> None:
    for name in ("system", "declared", "merge", "operator"):
        with pytest.raises(ValueError, match="controllers use this name"):
            check_member_name(name)
