"""A ServiceAccount with a token that does not expire, for a program outside of the account's own cluster."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.component import Component, metadata


@dataclass(frozen=True)
class Account:
    """A ServiceAccount and its credential."""

    account: k8s.core.v1.ServiceAccount
    token: pulumi.Output[str]
    """Bearer token, as base64; secret."""


def account_with_token(
    component: Component,
    logical_name: str,
    provider: k8s.Provider,
    name: str,
    namespace: tuple[str, k8s.core.v1.Namespace],
) -> Account:
    """Declare a ServiceAccount and the Secret into which the cluster writes a token for it.

    Args:
        component: what the objects belong to.
        logical_name: of the Pulumi resources.
        provider: the cluster.
        name: of the account and of the Secret.
        namespace: name and Pulumi resource of the namespace.
    """
    where, created = namespace
    account = k8s.core.v1.ServiceAccount(
        logical_name,
        metadata=metadata(name, where),
        automount_service_account_token=False,
        opts=component.child(provider, [created]),
    )
    secret = k8s.core.v1.Secret(
        f"{logical_name}-token",
        type="kubernetes.io/service-account-token",
        metadata=metadata(name, where, annotations={"kubernetes.io/service-account.name": name}),
        opts=component.child(provider, [account]),
    )
    return Account(account, pulumi.Output.secret(secret.data).apply(lambda data: token_of(name, data)))


def token_of(name: str, data: Mapping[str, str] | None) -> str:
    """The token in the data of `name`'s Secret, as base64; empty in a preview, where it is not there yet.

    Raises:
        ValueError: the cluster has written no token.
    """
    if data and "token" in data:
        return data["token"]
    if pulumi.runtime.is_dry_run():
        return ""
    raise ValueError(
        f"Secret {name!r} holds no token: its cluster's kube-controller-manager must run the serviceaccount-token "
        "controller; then run `pulumi refresh` and `pulumi up`"
    )
