"""Placement: which members a context is for, and the placement of a Karmada policy that selects them."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.federated_context import FederatedContextSpec, LabelSelector, LabelSelectorRequirement
from api.names import READY_LABEL

READY: dict[str, str] = {READY_LABEL: "true"}

TOLERATIONS: list[dict[str, str]] = [
    {"key": f"cluster.karmada.io/{taint}", "operator": "Exists", "effect": "NoSchedule"}
    for taint in ("not-ready", "unreachable")
]
"""A member that is away stays a target and catches up."""


def placed(spec: FederatedContextSpec, clusters: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The members that the spec asks for, of the registered ones (name → labels) and those it names."""
    if spec.clusters is not None:
        return sorted(set(spec.clusters))
    return sorted(name for name, labels in clusters.items() if _selects(spec, labels))


def _selects(spec: FederatedContextSpec, labels: Mapping[str, str]) -> bool:
    selector = spec.cluster_selector
    if selector is None:
        return True
    equal = all(labels.get(key) == value for key, value in (selector.match_labels or {}).items())
    return equal and all(_meets(requirement, labels) for requirement in selector.match_expressions or [])


def _meets(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in (requirement.values or [])
        case "NotIn":
            return value not in (requirement.values or [])
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None


def karmada_placement(clusters: Sequence[str] | None = None, selector: LabelSelector | None = None) -> dict[str, Any]:
    """`placement` of a Karmada policy: the members asked for, or all, once they are prepared."""
    labels: dict[str, Any] = {"matchLabels": {**((selector and selector.match_labels) or {}), **READY}}
    if selector and selector.match_expressions:
        labels["matchExpressions"] = [requirement.wire() for requirement in selector.match_expressions]
    cluster_affinity: dict[str, Any] = {"labelSelector": labels}
    if clusters is not None:
        cluster_affinity["clusterNames"] = sorted(set(clusters))
    return {"clusterAffinity": cluster_affinity, "clusterTolerations": TOLERATIONS}
