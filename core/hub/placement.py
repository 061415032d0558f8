"""Placement: which members a context is for. Karmada is given the same choice by `propagation`."""

from collections.abc import Mapping

from api.federated_context import FederatedContextSpec, LabelSelectorRequirement


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
