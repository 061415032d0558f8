"""ContextCRDs: the kinds of mcpfed.io on the control plane, and those that members need there."""

from pathlib import Path
from typing import Any, Final, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s
import yaml

from api.names import API_VERSION, GROUP
from components.component import Component, metadata
from components.propagation import EVERYWHERE, Template, propagate

CRD_DIRECTORY: Final = Path(__file__).parent.parent / "crds"
PLURALS: Final = ("federatedcontexts", "mcpcontexts", "contextrevisions", "contextreplicas")
NOTHING_REFLECTED: Final = "function ReflectStatus(observedObj)\n  return {}\nend\n"
IN_MEMBERS: Final = ("mcpcontexts", "contextreplicas")


class ContextCRDsArgs(TypedDict):
    """Where the definitions go."""

    control_plane: k8s.Provider
    """The control plane."""
    retain: NotRequired[bool]
    """Keep the definitions, and with them every context, when the stack is destroyed; default true."""


class ContextCRDs(Component):
    """The CustomResourceDefinitions: all on the control plane, copied to every member as far as members need them."""

    def __init__(self, name: str, args: ContextCRDsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        retain = args.get("retain", True)
        control_plane = args["control_plane"]
        self.definitions = {plural: self._definition(plural, control_plane, retain=retain) for plural in PLURALS}
        propagate(
            name,
            [Template("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd_name(each)) for each in IN_MEMBERS],
            EVERYWHERE,
            self.child(control_plane, [self.definitions[each] for each in IN_MEMBERS]),
            name="mcpfed-crds",
            conflictResolution="Overwrite",  # a member may hold retained definitions of an earlier federation
            preserveResourcesOnDeletion=retain,
        )
        self._interpretation(name, control_plane)
        self.register_outputs({})

    def _interpretation(self, name: str, provider: k8s.Provider) -> None:
        """What a member says of its copy stays there: replicas report it, and Karmada need not carry it as well."""
        target = {"apiVersion": API_VERSION, "kind": "MCPContext"}
        k8s.apiextensions.CustomResource(
            f"{name}-interpretation",
            api_version="config.karmada.io/v1alpha1",
            kind="ResourceInterpreterCustomization",
            metadata=metadata("mcpfed-mcpcontext"),
            spec={"target": target, "customizations": {"statusReflection": {"luaScript": NOTHING_REFLECTED}}},
            opts=self.child(provider),
        )

    def _definition(
        self, plural: str, provider: k8s.Provider, *, retain: bool
    ) -> k8s.apiextensions.v1.CustomResourceDefinition:
        guard = pulumi.ResourceOptions(protect=retain, retain_on_delete=retain)
        manifest = read_definition(plural)
        return k8s.apiextensions.v1.CustomResourceDefinition(
            f"{self.name}-{plural}",
            metadata=metadata(crd_name(plural)),
            spec=manifest["spec"],
            opts=pulumi.ResourceOptions.merge(self.child(provider), guard),
        )


def crd_name(plural: str) -> str:
    """Name of the definition of a kind."""
    return f"{plural}.{GROUP}"


def read_definition(plural: str) -> dict[str, Any]:
    """The definition of a kind as generated from api/.

    Raises:
        FileNotFoundError: it has not been generated.
    """
    return yaml.safe_load((CRD_DIRECTORY / f"{GROUP}_{plural}.yaml").read_text(encoding="utf-8"))
