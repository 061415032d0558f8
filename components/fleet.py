"""Fleet: host, control plane and members, a provider for each that Pulumi talks to, and the members' registration."""

import re
from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from api.names import DECLARED_SITE, MERGE_SITE, OPERATOR_SITE, SYSTEM_NAMESPACE, member_namespace
from components.component import Component
from components.kubeconfig import ClusterAddress, cluster_address
from components.registration import MemberRegistration, register_member, registration_namespace


class ClusterArgs(TypedDict):
    """How Pulumi reaches a cluster."""

    kubeconfig: pulumi.Input[str]
    """Contents of a kubeconfig; kept as a secret."""
    context: NotRequired[str]
    """Context in the kubeconfig; default: its current one."""


class MemberArgs(TypedDict):
    """A member."""

    kubeconfig: NotRequired[pulumi.Input[str]]
    """Contents of a kubeconfig, for registering the member; kept as a secret."""
    context: NotRequired[str]
    """Context in the kubeconfig; default: its current one."""
    labels: NotRequired[dict[str, str]]
    """Labels of the member's Cluster object, for placements."""
    provider: NotRequired[str]
    """Who runs the cluster, e.g. a cloud."""
    region: NotRequired[str]
    """Where the cluster is."""


class FleetArgs(TypedDict):
    """A fleet."""

    host: ClusterArgs
    """Cluster in which the federation controller runs."""
    control_plane: ClusterArgs
    """Karmada's API server."""
    members: NotRequired[dict[str, MemberArgs]]
    """Members by name."""
    register: NotRequired[bool]
    """Register the members with Karmada (push mode); default false: they are registered already."""


class Fleet(Component):
    """The clusters of a federation."""

    endpoint: pulumi.Output[str]
    """URL of the control plane."""
    ca_bundle: pulumi.Output[str]
    """Certificates that sign the control plane's, PEM as base64."""

    def __init__(self, name: str, args: FleetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the fleet.

        Raises:
            ValueError: a member's name cannot be one, or a member to be registered has no kubeconfig.
        """
        members = args.get("members", {})
        for member in members:
            check_member_name(member)
        super().__init__(name, opts)
        self.host = self._connect("host", "host", args["host"])
        self.control_plane = self._connect("control-plane", "control-plane", args["control_plane"])
        self.members: dict[str, k8s.Provider] = {}
        """Providers of the registered members, by name."""
        address = _address(args["control_plane"])
        self.endpoint = address.apply(lambda at: at.server)
        self.ca_bundle = address.apply(lambda at: at.ca_bundle)
        if args.get("register", False):
            self._register(members)
        self.register_outputs({"endpoint": self.endpoint, "ca_bundle": self.ca_bundle})

    def _connect(self, suffix: str, identifier: str, cluster: ClusterArgs) -> k8s.Provider:
        return k8s.Provider(
            f"{self.name}-{suffix}",
            kubeconfig=pulumi.Output.secret(cluster["kubeconfig"]),
            context=cluster.get("context"),
            cluster_identifier=identifier,
            enable_secret_mutable=True,  # a new token is an update, not a gap in which the Secret is missing
            opts=self.child(),
        )

    def _register(self, members: Mapping[str, MemberArgs]) -> None:
        namespace = registration_namespace(self, self.control_plane)
        for name, settings in members.items():
            access = _access(name, settings)
            self.members[name] = self._connect(f"member-{name}", name, access)
            origin = {key: str(settings.get(key)) for key in ("provider", "region") if key in settings}
            member = MemberRegistration(name, self.members[name], _address(access), settings.get("labels", {}), origin)
            register_member(self, self.control_plane, member, namespace)


_CLUSTER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,46}[a-z0-9])?")


def check_member_name(name: str) -> None:
    """Refuse a name that Karmada or the controllers would stumble over later.

    Raises:
        ValueError: says what is wrong with the name.
    """
    if not _CLUSTER_NAME.fullmatch(name):
        raise ValueError(
            f"member {name!r}: a name has at most 48 of a-z, 0-9 and -, and starts and ends with a letter or digit"
        )
    if member_namespace(name) == SYSTEM_NAMESPACE or name in (DECLARED_SITE, MERGE_SITE, OPERATOR_SITE):
        raise ValueError(f"member {name!r}: the controllers use this name for themselves; choose another name")


def _access(name: str, member: MemberArgs) -> ClusterArgs:
    if "kubeconfig" not in member:
        raise ValueError(f"member {name!r}: to register it, give its kubeconfig, or set `register` to false")
    access: ClusterArgs = {"kubeconfig": member["kubeconfig"]}
    if "context" in member:
        access["context"] = member["context"]
    return access


def _address(cluster: ClusterArgs) -> pulumi.Output[ClusterAddress]:
    """Where the cluster is: unlike the rest of its kubeconfig no secret."""
    context = cluster.get("context")
    address = pulumi.Output.from_input(cluster["kubeconfig"]).apply(lambda text: cluster_address(text, context))
    return pulumi.Output.unsecret(address)
