"""What every component here has: its type token, the options of its children, and the metadata of its objects."""

import base64
from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_kubernetes as k8s

PACKAGE: Final = "mcpfed"
"""First part of every type token."""

IAC_MANAGER: Final = "mcpfed-iac"
"""Field manager of what the components declare, so that ownership is readable in managedFields."""

SKIP_AWAIT: Final = {"pulumi.com/skipAwait": "true"}
"""On a template: the pods run in members, so waiting for them on the control plane would never end."""


class Component(pulumi.ComponentResource):
    """A component whose type token is `mcpfed:index:<class name>`."""

    name: str
    """Logical name: the names of its children start with it."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None) -> None:
        super().__init__(f"{PACKAGE}:index:{type(self).__name__}", name, {}, opts)
        self.name = name

    def child(
        self, provider: k8s.Provider | None = None, depends_on: Sequence[pulumi.Resource] = ()
    ) -> pulumi.ResourceOptions:
        """Options of a child, in the cluster of `provider`."""
        return pulumi.ResourceOptions(parent=self, provider=provider, depends_on=list(depends_on))


def metadata(
    name: str,
    namespace: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> k8s.meta.v1.ObjectMetaArgsDict:
    """Metadata of an object that Pulumi manages."""
    meta: k8s.meta.v1.ObjectMetaArgsDict = {
        "name": name,
        "annotations": {"pulumi.com/patchFieldManager": IAC_MANAGER, **(annotations or {})},
    }
    if namespace is not None:
        meta["namespace"] = namespace
    if labels:
        meta["labels"] = labels
    return meta


def encoded(text: str) -> str:
    """UTF-8 text as base64, as a Secret's data holds it."""
    return base64.b64encode(text.encode()).decode()
