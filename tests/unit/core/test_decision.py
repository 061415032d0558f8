"""Rules apply to items by pattern; the first that matches and says something holds."""

from api.federated_context import ConflictPolicyName, Direction
from core.decision import direction_for, policy_for, prevails
from tests.unit.core.scene import dot, spec


def test_the_first_matching_rule_that_says_something_decides() -> None:
    wanted = type(spec()).model_validate(
        {
            **spec().wire(),
            "conflictPolicy": {
                "rules": [
                    {"match": "locked/*", "direction": "FromControlPlane"},
                    {"match": "*", "policy": "LastWriterWins"},
                ]
            },
        }
    )
    assert direction_for(wanted, "locked/a") is Direction.FROM_CONTROL_PLANE
    assert direction_for(wanted, "open") is Direction.TWO_WAY
    assert policy_for(wanted, "locked/a") is ConflictPolicyName.LAST_WRITER_WINS


def test_the_later_writer_wins_and_ties_are_broken_by_site() -> None:
    assert prevails(ConflictPolicyName.LAST_WRITER_WINS, dot("a", 2), dot("z", 1))
    assert prevails(ConflictPolicyName.LAST_WRITER_WINS, dot("b", 1), dot("a", 1))
    assert not prevails(ConflictPolicyName.LAST_WRITER_WINS, dot("a", 1), dot("b", 1))
