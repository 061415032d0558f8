"""ContextFederation: everything that a federation needs, over one fleet."""

from collections.abc import Iterable
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.component import Component, metadata
from components.context_crds import ContextCRDs
from components.declaration_args import ContextDeclarationArgs, ServerDeclarationArgs
from components.federated_context import FederatedContext
from components.federation_controller import FederationController, FederationControllerArgs
from components.fleet import Fleet, FleetArgs
from components.image import default_image
from components.mcp_server import MCPServer
from components.member_controllers import MemberControllers


class ContextFederationArgs(TypedDict):
    """A federation."""

    fleet: FleetArgs
    """The clusters."""
    servers: NotRequired[list[ServerDeclarationArgs]]
    """MCP servers."""
    contexts: NotRequired[list[ContextDeclarationArgs]]
    """Contexts."""
    image: NotRequired[str]
    """Image of controllers and agents; default: that of this version of the project."""
    member_endpoint: NotRequired[str]
    """URL at which members reach the control plane; default: the one in its kubeconfig."""
    retain_crds: NotRequired[bool]
    """Keep the kinds, and with them every context, when the stack is destroyed; default true."""


class ContextFederation(Component):
    """Fleet, kinds, controllers, MCP servers and contexts. What depends on a controller is removed before it."""

    def __init__(self, name: str, args: ContextFederationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the federation.

        Raises:
            ValueError: a setting is invalid, or names a member that the fleet does not have.
        """
        check_members_exist(args)
        super().__init__(name, opts)
        self._image = args.get("image", default_image())
        self.fleet = Fleet(f"{name}-fleet", args["fleet"], self.child())
        self.crds = ContextCRDs(
            f"{name}-crds",
            {"control_plane": self.fleet.control_plane, "retain": args.get("retain_crds", True)},
            self._after(self.fleet),
        )
        controllers = self._controllers(args)
        namespaces = self._namespaces(args)
        servers = [
            MCPServer(
                f"{name}-{server['namespace']}.{server['name']}",
                {**server, "control_plane": self.fleet.control_plane, "agent_image": self._image},
                self._after(*controllers, namespaces[server["namespace"]]),
            )
            for server in args.get("servers", [])
        ]
        for context in args.get("contexts", []):
            FederatedContext(
                f"{name}-{context['namespace']}.{context['name']}",
                {**context, "control_plane": self.fleet.control_plane},
                self._after(*controllers, *servers, namespaces[context["namespace"]]),
            )
        self.register_outputs({})

    def _after(self, *resources: pulumi.Resource) -> pulumi.ResourceOptions:
        return self.child(depends_on=resources)

    def _controllers(self, args: ContextFederationArgs) -> tuple[FederationController, MemberControllers]:
        settings: FederationControllerArgs = {
            "host": self.fleet.host,
            "control_plane": self.fleet.control_plane,
            "endpoint": self.fleet.endpoint,
            "ca_bundle": self.fleet.ca_bundle,
            "image": self._image,
        }
        if "member_endpoint" in args:
            settings["member_endpoint"] = args["member_endpoint"]
        federation = FederationController(f"{self.name}-controller", settings, self._after(self.crds))
        members = MemberControllers(
            f"{self.name}-members",
            {"control_plane": self.fleet.control_plane, "image": self._image},
            self._after(self.crds, federation.namespace),
        )
        return federation, members

    def _namespaces(self, args: ContextFederationArgs) -> dict[str, k8s.core.v1.Namespace]:
        """The namespaces of servers and contexts, each once; Karmada copies them to every member."""
        named = {each["namespace"] for each in (*args.get("servers", []), *args.get("contexts", []))}
        return {
            namespace: k8s.core.v1.Namespace(
                f"{self.name}-{namespace}",
                metadata=metadata(namespace),
                opts=self.child(self.fleet.control_plane, [self.fleet]),
            )
            for namespace in sorted(named)
        }


def check_members_exist(args: ContextFederationArgs) -> None:
    """Refuse placements on members that the fleet does not have, if it says which it has.

    Raises:
        ValueError: names the server or context, and the member.
    """
    members = args["fleet"].get("members")
    if not members:
        return
    placed: list[tuple[str, ServerDeclarationArgs | ContextDeclarationArgs]] = [
        *(("MCP server", server) for server in args.get("servers", [])),
        *(("context", context) for context in args.get("contexts", [])),
    ]
    for kind, each in placed:
        for cluster in _unknown(each.get("clusters", []), members):
            raise ValueError(
                f"{kind} {each['name']!r}: there is no member {cluster!r}; the fleet has {', '.join(sorted(members))}"
            )


def _unknown(clusters: Iterable[str], members: Iterable[str]) -> list[str]:
    known = set(members)
    return [cluster for cluster in clusters if cluster not in known]
