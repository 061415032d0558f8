"""The stack's configuration, as written in Pulumi.<stack>.yaml: the fleet, and what is deployed on it.

The least that is needed; it deploys the controllers, and no MCP server and no context:

    config:
      mcp-federation:fleet:
        host: {kubeconfig: .fleet/host.kubeconfig}
        controlPlane: {kubeconfig: .fleet/control-plane.kubeconfig}
        members:
          member1: {kubeconfig: .fleet/member1.kubeconfig, labels: {tier: edge}}
        register: true

MCP servers and contexts are written out, in the words of api/declaration.py, or declared in Python:

      mcp-federation:servers:
        - {name: notes, namespace: team}
      mcp-federation:contexts:
        - {name: notes, namespace: team, mcpServerName: notes, contextType: prompts, directory: notes}
      mcp-federation:declarations: examples.assistant.contexts
"""

from typing import Any, Self

import pulumi
from pydantic import ConfigDict, Field, model_validator

from api.declaration import ContextDeclaration, ServerDeclaration
from api.item import Item
from api.model import Model


class ClusterConfig(Model):
    """How Pulumi reaches a cluster."""

    kubeconfig: str
    """Path of a kubeconfig, relative to the project, or its contents (then set it with --secret)."""
    context: str | None = None
    """Context in the kubeconfig; default: its current one."""


class ControlPlaneConfig(ClusterConfig):
    """Karmada's API server."""

    member_endpoint: str | None = None
    """URL at which members reach the control plane; default: the one in its kubeconfig."""


class MemberConfig(Model):
    """A member."""

    kubeconfig: str | None = None
    """Path of a kubeconfig or its contents, for registering the member."""
    context: str | None = None
    """Context in the kubeconfig; default: its current one."""
    labels: dict[str, str] | None = None
    """Labels of the member's Cluster object, for placements."""
    provider: str | None = None
    """Who runs the cluster, e.g. a cloud."""
    region: str | None = None
    """Where the cluster is."""


class FleetConfig(Model):
    """A fleet."""

    host: ClusterConfig
    """Cluster in which the federation controller runs."""
    control_plane: ControlPlaneConfig
    """Karmada's API server."""
    members: dict[str, MemberConfig] = Field(default_factory=dict)
    """Members by name."""
    register_: bool = Field(default=False, alias="register")
    """Register the members with Karmada (push mode); default false: they are registered already."""


class ContextConfig(ContextDeclaration):
    """A context; its items are written out or are the files of a directory."""

    items: list[Item] = Field(default_factory=list[Item])
    """The declared items, written out."""
    directory: str | None = None
    """Instead of items: a directory with a folder tools, prompts or resources, relative to the project."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if ("items" in self.model_fields_set) == (self.directory is not None):
            raise ValueError(f"context {self.name!r}: give either items or directory")
        return self


class StackConfig(Model):
    """All of the stack's configuration."""

    model_config = ConfigDict(hide_input_in_errors=True)  # kubeconfigs and payloads are among it

    fleet: FleetConfig
    """The clusters."""
    servers: list[ServerDeclaration] = Field(default_factory=list[ServerDeclaration])
    """MCP servers."""
    contexts: list[ContextConfig] = Field(default_factory=list[ContextConfig])
    """Contexts."""
    declarations: str | None = None
    """Name of a Python module that declares more of both, as examples.assistant.contexts does."""
    image: str | None = None
    """Image of controllers and agents; default: that of this version of the project."""
    retain_crds: bool = True
    """Keep the kinds, and with them every context, when the stack is destroyed; default true."""


def read(config: pulumi.Config) -> StackConfig:
    """The configuration of the running stack.

    Raises:
        pydantic.ValidationError: names each field that is wrong.
    """
    raw: dict[str, Any] = {key: config.get_object(key) for key in ("fleet", "servers", "contexts")}
    raw |= {key: config.get(key) for key in ("declarations", "image")}
    raw |= {"retainCrds": config.get_bool("retainCrds")}
    return StackConfig.model_validate({key: value for key, value in raw.items() if value is not None})
