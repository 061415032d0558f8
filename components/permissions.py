"""Who may do what: the RBAC rules of every account that the components create. Least privilege, in one place."""

from typing import Final

import pulumi_kubernetes as k8s

from api.names import GROUP

Rules = list[k8s.rbac.v1.PolicyRuleArgsDict]

READ: Final = ["get", "list", "watch"]
WRITE: Final = ["create", "patch", "update", "delete"]


def allow(group: str, resources: list[str], verbs: list[str]) -> k8s.rbac.v1.PolicyRuleArgsDict:
    """One rule; `group` "" is Kubernetes' core."""
    return {"api_groups": [group], "resources": resources, "verbs": verbs}


def bound(kind: str, name: str) -> k8s.rbac.v1.RoleRefArgsDict:
    """What a binding binds: a Role or ClusterRole."""
    return {"api_group": "rbac.authorization.k8s.io", "kind": kind, "name": name}


def subject(account: str, namespace: str) -> k8s.rbac.v1.SubjectArgsDict:
    """Whom a binding binds: a ServiceAccount."""
    return {"kind": "ServiceAccount", "name": account, "namespace": namespace}


KARMADA_IN_MEMBER: Final[Rules] = [
    allow("*", ["*"], ["*"]),
    {"non_resource_urls": ["*"], "verbs": ["get"]},
]
"""Karmada copies templates of any kind, and may only grant what it holds: what its own `join` grants."""

FEDERATION: Final[Rules] = [
    allow(GROUP, ["federatedcontexts"], READ),
    allow(GROUP, ["federatedcontexts/status", "contextreplicas/status"], ["patch", "update"]),
    allow(GROUP, ["federatedcontexts/finalizers"], ["update"]),  # they own what is rendered from them
    allow(GROUP, ["contextrevisions"], [*READ, "create", "delete"]),
    allow(GROUP, ["mcpcontexts"], [*READ, *WRITE]),
    # Members get a Role over their own replicas and lease; granting it demands to hold it.
    allow(GROUP, ["contextreplicas"], [*READ, *WRITE]),
    allow("coordination.k8s.io", ["leases"], [*READ, *WRITE]),
    allow("policy.karmada.io", ["propagationpolicies", "clusteroverridepolicies"], [*READ, *WRITE]),
    allow("cluster.karmada.io", ["clusters"], [*READ, "patch"]),
    allow("work.karmada.io", ["resourcebindings", "works"], READ),
    allow("", ["namespaces"], [*READ, "create", "patch", "delete"]),
    allow("", ["serviceaccounts"], [*READ, "create", "patch", "delete"]),
    allow("", ["serviceaccounts/token"], ["create"]),
    allow("rbac.authorization.k8s.io", ["roles", "rolebindings"], [*READ, "create", "patch", "delete"]),
]
"""The federation controller, on the control plane."""

FEDERATION_SECRETS: Final[Rules] = [allow("", ["secrets"], [*READ, "create", "patch", "delete"])]
"""The federation controller, in the controllers' namespace on the control plane: the members' credentials."""

CONTEXT: Final[Rules] = [
    allow(GROUP, ["mcpcontexts"], READ),
    allow(GROUP, ["mcpcontexts/status", "contextreplicas/status"], ["patch", "update"]),
    allow(GROUP, ["contextreplicas"], [*READ, "patch", "update"]),
    allow("apps", ["deployments", "statefulsets"], READ),
]
"""The context controller, in its member."""

CONTEXT_SECRETS: Final[Rules] = [allow("", ["secrets"], READ)]
"""The context controller, in the controllers' namespace of its member: its credential for the control plane."""

AGENT: Final[Rules] = [
    allow(GROUP, ["mcpcontexts"], READ),
    allow(GROUP, ["contextreplicas"], [*READ, "create", "patch", "delete"]),
]
"""An agent, in the namespace of its MCP server."""
