"""Membership: what the control plane holds for each member: namespace, rights there, and its credential's way down."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.names import (
    API_VERSION,
    CLUSTER_ANNOTATION,
    GROUP,
    IDENTITY_LABEL,
    SKIP_AUTO_PROPAGATION_LABEL,
    SYSTEM_NAMESPACE,
    member_credential,
    member_namespace,
)
from core.hub.propagation import POLICY_API

Object = dict[str, Any]

SERVICE_ACCOUNT = "mcpfed-member"
"""ServiceAccount in the member's namespace on the control plane."""

IDENTITY_POLICY = "mcpfed-identity"
"""ClusterOverridePolicy that writes the member's name into its pods."""

EXPIRY_ANNOTATION = "mcpfed.io/renew-after"
"""On a credential Secret: when the token is to be renewed (RFC 3339)."""


def owned_by(system_uid: str) -> Object:
    """Owner reference to the namespace of the controllers: what is made for members goes when that goes."""
    return {"apiVersion": "v1", "kind": "Namespace", "name": SYSTEM_NAMESPACE, "uid": system_uid}


def member_objects(cluster: str, owner: Object) -> list[Object]:
    """Namespace, ServiceAccount, Role and RoleBinding of one member: it may write its replicas, and nothing else."""
    namespace = member_namespace(cluster)
    meta = {"name": SERVICE_ACCOUNT, "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "labels": {SKIP_AUTO_PROPAGATION_LABEL: "true"},
                "ownerReferences": [owner],
            },
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": meta,
            "rules": [
                {
                    "apiGroups": [GROUP],
                    "resources": ["contextreplicas"],
                    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
                },
                {
                    "apiGroups": ["coordination.k8s.io"],
                    "resources": ["leases"],
                    "verbs": ["get", "create", "update", "patch"],
                },
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": SERVICE_ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": namespace}],
        },
    ]


def credential_secret(cluster: str, data: Mapping[str, str], renew_after: str) -> Object:
    """The Secret with the member's credential; `data` is base64."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": member_credential(cluster),
            "namespace": SYSTEM_NAMESPACE,
            "annotations": {EXPIRY_ANNOTATION: renew_after},
        },
        "data": dict(data),
    }


def identity_policy(clusters: Iterable[str], owner: Object) -> Object:
    """Writes each member's name into the pods with the label that asks for it."""
    path = "/spec/template/metadata/annotations/" + CLUSTER_ANNOTATION.replace("/", "~1")
    return {
        "apiVersion": POLICY_API,
        "kind": "ClusterOverridePolicy",
        "metadata": {"name": IDENTITY_POLICY, "ownerReferences": [owner]},
        "spec": {
            "resourceSelectors": [
                {
                    "apiVersion": "apps/v1",
                    "kind": kind,
                    "labelSelector": {"matchLabels": {IDENTITY_LABEL: "cluster"}},
                }
                for kind in ("Deployment", "StatefulSet")
            ],
            "overrideRules": [
                {
                    "targetCluster": {"clusterNames": [cluster]},
                    "overriders": {"plaintext": [{"path": path, "operator": "add", "value": cluster}]},
                }
                for cluster in sorted(clusters)
            ],
        },
    }


def serves_contexts(cluster: Mapping[str, Any]) -> bool:
    """Whether the member has our CRDs, by its Cluster object."""
    enabled = cluster.get("status", {}).get("apiEnablements", [])
    kinds = {
        resource["kind"]
        for group in enabled
        if group.get("groupVersion") == API_VERSION
        for resource in group.get("resources", [])
    }
    return {"MCPContext", "ContextReplica"} <= kinds
