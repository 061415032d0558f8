"""propagation: the PropagationPolicies that say what Karmada copies to which members.

A context's is applied by `controllers.federation.contexts`, a member's credential's by
`controllers.federation.member_tokens`; those of Pulumi's templates are declared by `components.propagation`.
"""

from collections.abc import Sequence
from typing import Any, Final

from api.federated_context import FederatedContext, LabelSelector
from api.names import API_VERSION, READY_LABEL, SYSTEM_NAMESPACE, member_credential
from core.hub.owned import metadata

Object = dict[str, Any]

POLICY_API: Final = "policy.karmada.io/v1alpha1"
"""API version of Karmada's policies."""

READY: dict[str, str] = {READY_LABEL: "true"}

TOLERATIONS: list[dict[str, str]] = [
    {"key": f"cluster.karmada.io/{taint}", "operator": "Exists", "effect": "NoSchedule"}
    for taint in ("not-ready", "unreachable")
]
"""A member that is away stays a target and catches up."""


def propagation_policy(context: FederatedContext) -> Object:
    """The policy that places the MCPContext."""
    return {
        "apiVersion": POLICY_API,
        "kind": "PropagationPolicy",
        "metadata": metadata(context, policy_name(context.metadata.name)),
        "spec": {
            "conflictResolution": "Overwrite",
            "resourceSelectors": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "MCPContext",
                    "name": context.metadata.name,
                    "namespace": context.metadata.namespace,
                }
            ],
            "placement": karmada_placement(context.spec.clusters, context.spec.cluster_selector),
        },
    }


def policy_name(context: str) -> str:
    """Name of a context's PropagationPolicy."""
    return f"mcpfed-{context}"


def credential_policy(cluster: str) -> Object:
    """Sends the credential to its member, and to no other."""
    return {
        "apiVersion": POLICY_API,
        "kind": "PropagationPolicy",
        "metadata": {"name": member_credential(cluster), "namespace": SYSTEM_NAMESPACE},
        "spec": {
            "conflictResolution": "Overwrite",
            "resourceSelectors": [
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "name": member_credential(cluster),
                    "namespace": SYSTEM_NAMESPACE,
                }
            ],
            "placement": {"clusterAffinity": {"clusterNames": [cluster]}},
        },
    }


def karmada_placement(clusters: Sequence[str] | None = None, selector: LabelSelector | None = None) -> dict[str, Any]:
    """`placement` of a Karmada policy: the members asked for, or all, once they are prepared."""
    labels: dict[str, Any] = {"matchLabels": {**((selector and selector.match_labels) or {}), **READY}}
    if selector and selector.match_expressions:
        labels["matchExpressions"] = [requirement.wire() for requirement in selector.match_expressions]
    cluster_affinity: dict[str, Any] = {"labelSelector": labels}
    if clusters is not None:
        cluster_affinity["clusterNames"] = sorted(set(clusters))
    return {"clusterAffinity": cluster_affinity, "clusterTolerations": TOLERATIONS}
