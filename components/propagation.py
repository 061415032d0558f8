"""Propagation: which templates of Pulumi's Karmada copies to which members; contexts' are in `core.hub.propagation`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pulumi
import pulumi_kubernetes as k8s

from api.federated_context import LabelSelector
from components.component import metadata
from components.declaration_args import LabelSelectorArgs
from core.hub.propagation import POLICY_API, TOLERATIONS, karmada_placement


class Template(NamedTuple):
    """An object on the control plane that Karmada copies to members."""

    api_version: str
    kind: str
    name: str


EVERYWHERE: Final[Mapping[str, Any]] = {"clusterTolerations": TOLERATIONS}
"""Every member, also one that does not serve MCPContext yet."""


def ready_members(
    clusters: Sequence[str] | None = None, selector: LabelSelectorArgs | None = None
) -> Mapping[str, Any]:
    """Karmada placement: the members that are ready for contexts, of these names and with these labels."""
    return karmada_placement(clusters, LabelSelector.model_validate(selector) if selector else None)


def propagate(
    logical_name: str,
    templates: Sequence[Template],
    placement: Mapping[str, Any],
    opts: pulumi.ResourceOptions,
    *,
    name: str,
    namespace: str | None = None,
    **fields: Any,
) -> k8s.apiextensions.CustomResource:
    """Declare the policy that copies `templates` to the members of `placement`.

    Args:
        logical_name: of the Pulumi resource.
        templates: what is copied.
        placement: as Karmada writes it.
        opts: options of the Pulumi resource.
        name: of the policy.
        namespace: where the templates are; None: they have no namespace.
        fields: further fields of the policy's spec.
    """
    selectors = [{"apiVersion": each.api_version, "kind": each.kind, "name": each.name} for each in templates]
    return k8s.apiextensions.CustomResource(
        logical_name,
        api_version=POLICY_API,
        kind="ClusterPropagationPolicy" if namespace is None else "PropagationPolicy",
        metadata=metadata(name, namespace),
        spec={"resourceSelectors": selectors, "placement": placement, **fields},
        opts=opts,
    )
