"""Who owns which field of a live object: taking over earlier managers, and fields that a program ignores."""

from collections.abc import Sequence
from typing import Any, Final

from fleet.pulumi_plugins.kubernetes.objects import nested
from fleet.pulumi_plugins.values import Object, is_object

TAKEN_OVER: Final = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    ("pulumi-kubernetes", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)
"""Prefix of the name, and operation, of those whose fields an update makes its own: creates, and people's kubectl."""


def created_by_pulumi(live: Object) -> bool:
    """Say whether no update has taken over the create's fields yet. A dry run cannot do so: it is forced instead."""
    entries: list[Object] = nested(live, "metadata", "managedFields") or []
    names = {str(entry.get("manager")) for entry in entries if entry.get("operation") == "Update"}
    return not names.isdisjoint({"pulumi-kubernetes", "pulumi-resource-kubernetes"})


def take_over(live: Object, manager: str) -> list[Object] | None:
    """Return the `managedFields` after `manager` has taken over earlier managers; None if there are none."""
    entries: list[Object] = nested(live, "metadata", "managedFields") or []
    absorbed = [entry for entry in entries if _absorbed(entry, manager)]
    if not absorbed:
        return None
    own = [entry for entry in entries if _applied_by(entry, manager)]
    fields: Object = {}
    for entry in (*own, *absorbed):
        fields = unite(fields, entry.get("fieldsV1") or {})
    merged = (own or absorbed)[0] | {"manager": manager, "operation": "Apply", "fieldsV1": fields}
    gone = [*own, *absorbed]
    return [*(entry for entry in entries if entry not in gone), merged]


def _applied_by(entry: Object, manager: str) -> bool:
    return (entry.get("manager"), entry.get("operation"), entry.get("subresource", "")) == (manager, "Apply", "")


def _absorbed(entry: Object, manager: str) -> bool:
    name, operation = str(entry.get("manager", "")), entry.get("operation")
    if entry.get("subresource") or _applied_by(entry, manager):
        return False
    return any(name.startswith(prefix) and operation == expected for prefix, expected in TAKEN_OVER)


def unite(left: Object, right: Object) -> Object:
    """Unite two `fieldsV1` trees."""
    both = {key: unite(left[key], right[key]) for key in left.keys() & right.keys()}
    return left | right | both


def leave_ignored(inputs: Object, live: Object, manager: str, paths: Sequence[str]) -> Object:
    """Return what to apply when a program ignores changes of `paths` (dotted keys).

    A field that only others own is left out, so that it stays theirs; any other is sent as it is in the live object.
    """
    entries: list[Object] = nested(live, "metadata", "managedFields") or []
    for path in paths:
        keys = path.split(".")
        owners = {str(entry.get("manager")) for entry in entries if _holds(entry.get("fieldsV1"), keys)}
        if owners and manager not in owners:
            inputs = _without(inputs, keys)
        elif (value := nested(live, *keys)) is not None:
            inputs = _with(inputs, keys, value)
    return inputs


def _holds(fields: Any, keys: Sequence[str]) -> bool:
    return nested(fields, *(f"f:{key}" for key in keys)) is not None


def _without(value: Object, keys: Sequence[str]) -> Object:
    head, *rest = keys
    if not rest:
        return {key: item for key, item in value.items() if key != head}
    inner = value.get(head)
    return value | {head: _without(inner, rest)} if is_object(inner) else value


def _with(value: Object, keys: Sequence[str], leaf: Any) -> Object:
    head, *rest = keys
    inner = value.get(head)
    return value | {head: _with(inner if is_object(inner) else {}, rest, leaf) if rest else leaf}
