"""Registering a member with Karmada in push mode: an account in it, its token and a Cluster on the control plane."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as k8s

from api.names import SKIP_AUTO_PROPAGATION_LABEL
from components.component import Component, metadata
from components.kubeconfig import ClusterAddress
from components.permissions import KARMADA_IN_MEMBER, bound, subject
from components.service_account_token import Account, account_with_token

REGISTRATION_NAMESPACE: Final = "karmada-mcpfed"
"""Namespace of the accounts in the members, and of their tokens on the control plane.

Not `karmada-cluster`: installations of Karmada bring that one, and declaring an object that exists fails.
"""

_ACCOUNT: Final = "mcpfed-karmada"


@dataclass(frozen=True)
class MemberRegistration:
    """What registering a member takes."""

    name: str
    provider: k8s.Provider
    address: pulumi.Output[ClusterAddress]
    """Where the control plane reaches it."""
    labels: dict[str, str]
    """Labels of its Cluster object."""
    origin: dict[str, str]
    """`provider` and `region` of its Cluster object, where known."""


def registration_namespace(component: Component, control_plane: k8s.Provider) -> k8s.core.v1.Namespace:
    """Declare the namespace of the members' tokens; it stays on the control plane."""
    return k8s.core.v1.Namespace(
        f"{component.name}-registration",
        metadata=metadata(REGISTRATION_NAMESPACE, labels={SKIP_AUTO_PROPAGATION_LABEL: "true"}),
        opts=component.child(control_plane),
    )


def register_member(
    component: Component, control_plane: k8s.Provider, member: MemberRegistration, namespace: k8s.core.v1.Namespace
) -> k8s.apiextensions.CustomResource:
    """Declare what makes `member` one; done when Karmada reports it Ready. Returns its Cluster object."""
    account, binding = _karmada_account(component, member)
    credential = k8s.core.v1.Secret(
        f"{component.name}-{member.name}-credential",
        metadata=metadata(member.name, REGISTRATION_NAMESPACE),
        data=pulumi.Output.secret({"token": account.token, "caBundle": member.address.apply(lambda at: at.ca_bundle)}),
        opts=component.child(control_plane, [namespace]),
    )
    return k8s.apiextensions.CustomResource(
        f"{component.name}-{member.name}-cluster",
        api_version="cluster.karmada.io/v1alpha1",
        kind="Cluster",
        metadata=metadata(member.name, labels=member.labels, annotations={"pulumi.com/waitFor": "condition=Ready"}),
        spec={
            "syncMode": "Push",
            "apiEndpoint": member.address.apply(lambda at: at.server),
            "secretRef": {"namespace": REGISTRATION_NAMESPACE, "name": member.name},
            **member.origin,
        },
        opts=component.child(control_plane, [credential, binding]),
    )


def _karmada_account(
    component: Component, member: MemberRegistration
) -> tuple[Account, k8s.rbac.v1.ClusterRoleBinding]:
    """The account with which Karmada writes to the member."""
    provider, logical_name = member.provider, f"{component.name}-{member.name}-karmada"
    namespace = k8s.core.v1.Namespace(
        logical_name, metadata=metadata(REGISTRATION_NAMESPACE), opts=component.child(provider)
    )
    account = account_with_token(component, logical_name, provider, _ACCOUNT, (REGISTRATION_NAMESPACE, namespace))
    role = k8s.rbac.v1.ClusterRole(
        logical_name, metadata=metadata(_ACCOUNT), rules=KARMADA_IN_MEMBER, opts=component.child(provider)
    )
    binding = k8s.rbac.v1.ClusterRoleBinding(
        logical_name,
        metadata=metadata(_ACCOUNT),
        role_ref=bound("ClusterRole", _ACCOUNT),
        subjects=[subject(_ACCOUNT, REGISTRATION_NAMESPACE)],
        opts=component.child(provider, [role, account.account]),
    )
    return account, binding
