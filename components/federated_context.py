"""FederatedContext: one typed context, declared on the control plane."""

import pulumi
import pulumi_kubernetes as k8s

from api.names import API_VERSION
from components.component import Component, metadata
from components.context_spec import context_spec
from components.declaration_args import ContextDeclarationArgs


class FederatedContextArgs(ContextDeclarationArgs):
    """A context and where it is declared."""

    control_plane: k8s.Provider
    """The control plane."""


class FederatedContext(Component):
    """The declared context of MCP servers in several clusters."""

    def __init__(self, name: str, args: FederatedContextArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the context.

        Raises:
            ValueError: the payload or another setting is invalid; names context and item.
        """
        spec = context_spec(args)
        super().__init__(name, opts)
        annotations = {"pulumi.com/waitFor": "condition=Ready"} if args.get("wait", False) else {}
        k8s.apiextensions.CustomResource(
            name,
            api_version=API_VERSION,
            kind="FederatedContext",
            metadata=metadata(args["name"], args["namespace"], annotations=annotations),
            spec=spec,
            opts=self.child(args["control_plane"]),
        )
        self.register_outputs({})
