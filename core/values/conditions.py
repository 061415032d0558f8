"""Conditions: what was found of an object becomes its conditions, with the time at which each one's status changed."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from api.condition import Condition


class Verdict(NamedTuple):
    """What was found of one aspect."""

    holds: bool
    """The condition's status."""
    reason: str
    message: str


def conditions(
    present: Iterable[Condition], verdicts: Mapping[str, Verdict], generation: int, now: str
) -> list[Condition]:
    """One condition for each verdict, in their order; equal to the present one while its verdict is the same.

    Args:
        present: what the object's status says now; other types are left out.
        verdicts: by type of condition.
        generation: of the object, which the verdicts are about.
        now: RFC 3339, the time of transition of those whose status is new.
    """
    before = {condition.type: condition for condition in present}
    return [_condition(before.get(kind), kind, verdict, generation, now) for kind, verdict in verdicts.items()]


def _condition(before: Condition | None, kind: str, verdict: Verdict, generation: int, now: str) -> Condition:
    status = "True" if verdict.holds else "False"
    return Condition(
        type=kind,
        status=status,
        reason=verdict.reason,
        message=verdict.message,
        last_transition_time=before.last_transition_time if before and before.status == status else now,
        observed_generation=generation,
    )
