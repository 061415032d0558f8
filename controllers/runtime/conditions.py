"""Conditions of a status, as metav1.Condition lists: pure, so that an unchanged state gives an equal list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from controllers.runtime.kinds import Object

Status = Literal["True", "False", "Unknown"]

_MAX_MESSAGE = 32768
"""What metav1.Condition allows."""


@dataclass(frozen=True)
class Condition:
    """What is to be said about one aspect of an object, without when it began."""

    type: str
    """A state, such as `Ready`."""
    status: Status
    reason: str
    """The cause in one PascalCase word group."""
    message: str = ""
    """For people."""
    observed_generation: int = 0
    """The object's metadata.generation that this was seen with."""


def merge_conditions(present: Sequence[Mapping[str, Any]], wanted: Iterable[Condition], now: datetime) -> list[Object]:
    """The list with the wanted conditions in it; others stay, and so does the order.

    `lastTransitionTime` becomes `now` only where the status changes. Equal to `present` if nothing has changed.
    """
    merged = {condition["type"]: dict(condition) for condition in present}
    for condition in wanted:
        merged[condition.type] = _render(condition, merged.get(condition.type), now)
    return list(merged.values())


def find_condition(conditions: Iterable[Mapping[str, Any]], kind: str) -> Mapping[str, Any] | None:
    """The condition of a type, if it is there."""
    return next((condition for condition in conditions if condition["type"] == kind), None)


def is_true(conditions: Iterable[Mapping[str, Any]], kind: str) -> bool:
    """Whether the condition of a type is there with status True."""
    condition = find_condition(conditions, kind)
    return condition is not None and condition["status"] == "True"


def _render(condition: Condition, present: Mapping[str, Any] | None, now: datetime) -> Object:
    stays = present is not None and present["status"] == condition.status
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message[:_MAX_MESSAGE],
        "observedGeneration": condition.observed_generation,
        "lastTransitionTime": present["lastTransitionTime"] if present is not None and stays else _timestamp(now),
    }


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
