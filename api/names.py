"""Names that several programs must agree on: group, labels, annotations, finalizers, field managers, sites, objects."""

from typing import Final

GROUP: Final = "mcpfed.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

SYSTEM_NAMESPACE: Final = "mcpfed-system"
"""Namespace of the controllers, in the host and in every member, and of their templates on the control plane."""

READY_LABEL: Final = "mcpfed.io/ready"
"""On a Karmada Cluster: `"true"` once it serves MCPContext and its credential is prepared. Placements select it."""

SERVER_LABEL: Final = "mcpfed.io/server"
"""On the pods of an MCP server and on what belongs to it: the `mcpServerName` that contexts refer to."""

IDENTITY_LABEL: Final = "mcpfed.io/identity"
"""On a workload template: `"cluster"` asks for the member's name in the pods' CLUSTER_ANNOTATION (by an override)."""

CLUSTER_ANNOTATION: Final = "mcpfed.io/cluster"
"""On pods: name of the member in which they run; the downward API hands it to the agent."""

CONTEXT_LABEL: Final = "mcpfed.io/context"
"""On revisions, MCPContexts and replicas: name of the context."""

SKIP_AUTO_PROPAGATION_LABEL: Final = "namespace.karmada.io/skip-auto-propagation"

REPLICA_FINALIZER: Final = "mcpfed.io/replica"
"""On a pod's ContextReplica: released when the control plane holds its changes, so edits outlive the pod."""

FEDERATION_MANAGER: Final = "mcpfed-federation"
CONTEXT_MANAGER: Final = "mcpfed-context"
AGENT_MANAGER: Final = "mcpfed-agent"
"""Field managers. They must start with neither `pulumi-` nor `kubectl`: Pulumi takes such fields over."""

DECLARED_SITE: Final = "declared"
"""Kind of site whose changes come from FederatedContext.spec: the site is `declared#<incarnation>`."""

MERGE_SITE: Final = "merge"
"""Kind of site that makes what two sites' changes were merged into."""

OPERATOR_SITE: Final = "operator"
"""Kind of site of a person's changes: `operator/<user>#<incarnation>`."""

MEMBER_HEARTBEAT: Final = "mcpfed-member"
"""Lease in `mcpfed-<cluster>` that the member controller renews, so that the member reports even without changes."""

HEARTBEAT_SECONDS: Final = 15
STALE_AFTER_SECONDS: Final = 3 * HEARTBEAT_SECONDS
"""A member silent for this long is reported stale."""

INLINE_LIMIT_BYTES: Final = 256 * 1024
"""Largest payload, as canonical JSON: etcd stores it once per retained revision and once per member."""

META_DIGEST: Final = "mcpfed.io/digest"
META_VERSION: Final = "mcpfed.io/versions"
"""Keys in the `_meta` of MCP results: digest of what the list serves, and the applied version of each context."""


def member_namespace(cluster: str) -> str:
    """Namespace on the control plane in which a member may write its ContextReplicas."""
    return f"mcpfed-{cluster}"


def member_credential(cluster: str) -> str:
    """Secret in SYSTEM_NAMESPACE with the member's kubeconfig and token for the control plane."""
    return f"mcpfed-member-{cluster}"


def cluster_replica_name(namespace: str, context: str) -> str:
    """Name of the ContextReplica of a whole member; a namespace has no dot, so the first dot separates."""
    return f"{namespace}.{context}"


def pod_replica_name(context: str, pod: str) -> str:
    """Name of the ContextReplica of one pod, in the pod's namespace."""
    return f"{context}.{pod}"


def revision_name(context: str, version: int) -> str:
    """Name of a revision: creating it is the commit, so it holds nothing but context and version."""
    return f"{context}-{version:010d}"
