"""What became of a site's changes is reported, also when their revisions are no longer retained."""

from api.context_replica import ItemOutcome, Outcome
from api.context_revision import ContextRevisionSpec
from api.federated_context import ConflictPolicyName, FederatedContextSpec
from core.hub.outcomes import OUTCOMES_LIMIT, outcomes
from tests.unit.core.past import began, grown, in_conflict, under
from tests.unit.core.scene import change, dot

SITE = "m1/p#1"


def reported(history: list[ContextRevisionSpec], *sites: str) -> list[tuple[str, Outcome, int]]:
    return [(one.item, one.outcome, one.version) for one in outcomes([], history, sites)]


def test_a_change_that_became_the_head_was_accepted() -> None:
    history = began(a="1")
    history = grown(history, change("a", "2", dot(SITE, 2000), history[0].items[0].dot))
    assert reported(history, SITE) == [("a", Outcome.ACCEPTED, 2)]
    assert reported(history, "m2/p#1") == []


def test_a_change_that_lost_is_reported_as_a_conflict() -> None:
    history = in_conflict(ConflictPolicyName.LAST_WRITER_WINS)
    assert reported(history, SITE, "m2/p#1") == [("a", Outcome.ACCEPTED, 2), ("a", Outcome.CONFLICT, 3)]


def test_a_change_against_the_direction_was_rejected() -> None:
    wire = under(ConflictPolicyName.LAST_WRITER_WINS).wire()
    wanted = FederatedContextSpec.model_validate({**wire, "direction": "FromControlPlane"})
    history = began(a="1")
    history = grown(history, change("a", "2", dot(SITE, 2000), history[0].items[0].dot), wanted=wanted)
    assert reported(history, SITE) == [("a", Outcome.REJECTED, 2)]


def test_what_was_reported_stays_when_its_revision_goes_and_nothing_is_reported_twice() -> None:
    history = in_conflict(ConflictPolicyName.LAST_WRITER_WINS)
    before = outcomes([], history, [SITE])
    assert outcomes(before, history, [SITE]) == before
    assert outcomes(before, history[-1:], [SITE]) == before
    assert outcomes(before, history, ["m2/p#1"]) == []


def test_only_the_latest_are_reported() -> None:
    history = began(a="1")
    for number in range(OUTCOMES_LIMIT + 3):
        history = grown(history, change("a", f"v{number}", dot(SITE, 2000 + number), history[-1].items[0].dot))
    found: list[ItemOutcome] = outcomes([], history, [SITE])
    assert [one.version for one in found] == [revision.version for revision in history[-OUTCOMES_LIMIT:]]
