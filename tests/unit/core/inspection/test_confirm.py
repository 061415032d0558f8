"""confirmation: it holds for what the person saw, and for nothing else."""

import pytest

from api.condition import HALTED
from api.context_replica import Problem, SiteState
from core.inspection.confirm import confirmation, confirms
from core.values.canonical import digest

BASE, NOW = digest("base"), digest("now")


def state(site: str = "m1/p#1", base: str = BASE, now: str | None = NOW, reason: str = HALTED) -> SiteState:
    return SiteState(site=site, base_digest=base, digest=now, problems=[Problem(reason=reason, message="m")])


def test_every_halted_site_is_confirmed_by_one_annotation() -> None:
    first, second = state("m1/p#1"), state("m1/p#2")
    said = confirmation([first, second])
    assert confirms(said, first)
    assert confirms(said, second)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(state(site="m1/p#2"), id="another site"),
        pytest.param(state(now=digest("less")), id="more has vanished"),
        pytest.param(state(base=digest("next")), id="on top of a later revision"),
    ],
)
def test_it_confirms_nothing_that_was_not_seen(other: SiteState) -> None:
    assert not confirms(confirmation([state()]), other)


def test_a_site_that_has_not_halted_or_cannot_tell_what_it_holds_is_not_confirmed() -> None:
    assert confirmation([state(reason="Obstructed"), state(now=None)]) == ""
    assert not confirms("", state())
