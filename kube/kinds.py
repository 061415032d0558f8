"""Kubernetes kinds as values: how each is named, where its API paths are, how an object of it is keyed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as it is on the wire: decoded JSON, unknown fields kept."""


class ObjectKey(NamedTuple):
    """Where an object is among those of its kind; the namespace is empty for a cluster-scoped one."""

    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> ObjectKey:
        """The key of an object that has a name."""
        metadata = obj["metadata"]
        return cls(metadata.get("namespace", ""), metadata["name"])

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Kind:
    """A kind in one served version of its API group."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    """The name in API paths, `pods`."""
    name: str
    """The name in objects, `Pod`."""
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """What an object carries as `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The API path of the collection, of one object, or of its subresource.

        Args:
            namespace: None or empty means all namespaces (or a cluster-scoped kind).
            name: None means the collection.
            subresource: such as `status`; needs a name.

        Raises:
            ValueError: a name without the namespace that it is in.
        """
        if name and self.namespaced and not namespace:
            raise ValueError(f"{self.name} {name}: a namespaced kind needs a namespace")
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)


NAMESPACE = Kind("", "v1", "namespaces", "Namespace", namespaced=False)
NODE = Kind("", "v1", "nodes", "Node", namespaced=False)
POD = Kind("", "v1", "pods", "Pod")
SECRET = Kind("", "v1", "secrets", "Secret")
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
SERVICE = Kind("", "v1", "services", "Service")
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount")
LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease")
DEPLOYMENT = Kind("apps", "v1", "deployments", "Deployment")
STATEFUL_SET = Kind("apps", "v1", "statefulsets", "StatefulSet")
ROLE = Kind("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDING = Kind(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
CRD = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)

CLUSTER = Kind("cluster.karmada.io", "v1alpha1", "clusters", "Cluster", namespaced=False)
RESOURCE_BINDING = Kind("work.karmada.io", "v1alpha2", "resourcebindings", "ResourceBinding")
WORK = Kind("work.karmada.io", "v1alpha1", "works", "Work")
PROPAGATION_POLICY = Kind("policy.karmada.io", "v1alpha1", "propagationpolicies", "PropagationPolicy")
CLUSTER_OVERRIDE_POLICY = Kind(
    "policy.karmada.io", "v1alpha1", "clusteroverridepolicies", "ClusterOverridePolicy", namespaced=False
)

FEDERATED_CONTEXT = Kind("mcpfed.io", "v1alpha1", "federatedcontexts", "FederatedContext")
MCP_CONTEXT = Kind("mcpfed.io", "v1alpha1", "mcpcontexts", "MCPContext")
CONTEXT_REVISION = Kind("mcpfed.io", "v1alpha1", "contextrevisions", "ContextRevision")
CONTEXT_REPLICA = Kind("mcpfed.io", "v1alpha1", "contextreplicas", "ContextReplica")
