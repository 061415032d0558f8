"""What would change between the stored live object and a new declaration, and whether that needs a new object."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from fleet.pulumi_plugins.kubernetes.objects import built_in, group_of, nested
from fleet.pulumi_plugins.values import Object, is_list, is_object

Path: TypeAlias = tuple[str | int, ...]
"""Where a property is: keys and indices from the object's root."""

IDENTITY: Final = (("metadata", "name"), ("metadata", "namespace"), ("kind",))
"""Properties that no object can change."""

_WORKLOAD: Final = (("spec", "selector"),)
IMMUTABLE: Final[dict[tuple[str, str], tuple[tuple[str, ...], ...]]] = {
    ("apps", "Deployment"): _WORKLOAD,
    ("apps", "DaemonSet"): _WORKLOAD,
    ("apps", "StatefulSet"): (
        *_WORKLOAD,
        ("spec", "podManagementPolicy"),
        ("spec", "revisionHistoryLimit"),
        ("spec", "serviceName"),
        ("spec", "volumeClaimTemplates"),
    ),
    ("batch", "Job"): (*_WORKLOAD, ("spec", "completions"), ("spec", "parallelism"), ("spec", "template")),
    ("rbac.authorization.k8s.io", "RoleBinding"): (("roleRef",),),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (("roleRef",),),
    ("storage.k8s.io", "StorageClass"): (("parameters",), ("provisioner",)),
    ("", "PersistentVolumeClaim"): (("spec",),),
    ("", "Pod"): (("spec",),),
    ("", "ResourceQuota"): (("spec", "scopes"),),
    ("", "Service"): (("spec", "clusterIP"),),
}
"""Properties, by group and kind, whose change makes the official provider replace the object."""

CONTENT: Final = {"ConfigMap": (("data",), ("binaryData",)), "Secret": (("data",), ("stringData",), ("type",))}
"""What replaces a ConfigMap or a Secret, so that its users notice, unless the provider is told that they may change."""

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?")
_FACTORS: Final = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_QUANTITY_FIELDS: Final = frozenset({"limits", "requests", "capacity", "sizeLimit", "hard", "overhead"})


class Edit(Enum):
    """What happens to a property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Change:
    """A property that differs."""

    edit: Edit
    replaces: bool
    """The object has to be replaced for it."""


def replacing(inputs: Object, mutable: Iterable[str] = ()) -> list[tuple[str, ...]]:
    """Return the properties whose change replaces an object of this kind.

    Args:
        inputs: The declaration.
        mutable: Those of `ConfigMap` and `Secret` whose content may change in place.
    """
    kind, group = str(inputs.get("kind", "")), group_of(str(inputs.get("apiVersion", "")))
    content = CONTENT.get(kind, ()) if group == "" and (kind not in mutable or inputs.get("immutable") is True) else ()
    return [*IDENTITY, *IMMUTABLE.get((group, kind), ()), *content]


def changes(old: Object, new: Object, forced: Sequence[tuple[str, ...]]) -> dict[Path, Change]:
    """Compare a pruned live object with a declaration; both without secret marks.

    Args:
        old: The stored live object, cut to the shape of the old declaration.
        new: The new declaration.
        forced: What `replacing` returned.
    """
    lenient = built_in(new)
    found: dict[Path, Change] = {}
    for path, edit, value in _edits((), old, new):
        if not (lenient and edit is Edit.ADD and not value):
            found[path] = Change(edit, any(_covers(rule, path, value) for rule in forced))
    regrouped = group_of(str(old.get("apiVersion", ""))) != group_of(str(new.get("apiVersion", "")))
    if regrouped and ("apiVersion",) in found:
        found[("apiVersion",)] = Change(Edit.UPDATE, replaces=True)
    return found


def _edits(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Edit, Any]]:
    if is_object(old) and is_object(new):
        for key in sorted(old.keys() | new.keys()):
            yield from _edits((*path, key), old.get(key), new.get(key))
    elif is_list(old) and is_list(new):
        for index in range(max(len(old), len(new))):
            yield from _edits((*path, index), _at(old, index), _at(new, index))
    elif not same(path, old, new):
        yield path, Edit.ADD if old is None else Edit.DELETE if new is None else Edit.UPDATE, new


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None


def _covers(rule: tuple[str, ...], path: Path, value: Any) -> bool:
    if path[: len(rule)] == rule:
        return True
    return rule[: len(path)] == path and nested(value, *rule[len(path) :]) is not None


def same(path: Path, old: Any, new: Any) -> bool:
    """Say whether two values mean the same at a place: 1 and 1.0 do, and "1000m" and "1" where a quantity stands."""
    if isinstance(old, bool) != isinstance(new, bool):
        return False
    if old == new:
        return True
    if _QUANTITY_FIELDS.isdisjoint(path):
        return False
    amounts = quantity(old), quantity(new)
    return None not in amounts and math.isclose(amounts[0] or 0, amounts[1] or 0, rel_tol=1e-12)


def quantity(value: Any) -> float | None:
    """Read a Kubernetes quantity such as "250m" or "1Gi"; None where it is none."""
    parts = _QUANTITY.fullmatch(str(value))
    if parts is None:
        return None
    number, suffix = parts[1], parts[2] or ""
    if suffix.endswith("i"):
        return float(number) * 1024.0 ** ("KMGTPE".index(suffix[0]) + 1)
    return float(number + suffix) if suffix[1:] else float(number) * _FACTORS.get(suffix, 1)


def ignored(path: Path, paths: Iterable[str]) -> bool:
    """Say whether a property is at or under one of the program's `ignore_changes`."""
    text = property_path(path)
    return any(text == skip or text.startswith((f"{skip}.", f"{skip}[")) for skip in paths)


def property_path(path: Path) -> str:
    """Write a path as Pulumi shows it: `spec.ports[0]`, `metadata.annotations["a.b/c"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.search(r'[."\[\]]', part):
            quoted = part.replace('"', '\\"')
            text += f'["{quoted}"]'
        else:
            text += f".{part}" if text else part
    return text
