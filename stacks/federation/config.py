"""The stack's configuration, as written in Pulumi.<stack>.yaml.

The least that is needed (everything else has a default):

    config:
      mcp-federation:fleet:
        host: {kubeconfig: .fleet/host.kubeconfig}
        controlPlane: {kubeconfig: .fleet/control-plane.kubeconfig}
        members:
          member1: {kubeconfig: .fleet/member1.kubeconfig, labels: {tier: edge}}
        register: true
"""

from pathlib import Path
from typing import Any, Literal, cast

import pulumi
from pydantic import Field

from api.federated_context import ConflictPolicy, Direction, HistoryLimits, LabelSelector
from api.item import ContextType
from api.model import Model
from components.context_federation import ContextFederationArgs
from components.federated_context_args import FederatedContextSettings
from components.fleet import ClusterArgs, FleetArgs, MemberArgs
from components.mcp_server_args import MCPServerSettings
from components.payload import from_directory
from examples.assistant import contexts as assistant


class Cluster(Model):
    """How Pulumi reaches a cluster."""

    kubeconfig: str
    """Path of a kubeconfig, relative to the project, or its contents (then set it with --secret)."""
    context: str | None = None
    """Context in the kubeconfig; the current one when absent."""


class ControlPlane(Cluster):
    """Karmada's API server."""

    member_endpoint: str | None = None
    """URL at which members reach it; the kubeconfig's when absent."""


class Member(Model):
    """A member."""

    kubeconfig: str | None = None
    """As in Cluster; needed to register the member."""
    context: str | None = None
    labels: dict[str, str] | None = None
    """Labels of the Cluster object, for placements."""
    provider: str | None = None
    region: str | None = None


class Fleet(Model):
    """The clusters."""

    host: Cluster
    control_plane: ControlPlane
    members: dict[str, Member] = Field(default_factory=dict)
    """By name."""
    register_: bool = Field(default=False, alias="register")
    """Register the members with Karmada."""


class Storage(Model):
    """A volume that outlives the pod."""

    size: str
    storage_class: str | None = None


class Server(Model):
    """An MCP server; as components.mcp_server_args.MCPServerSettings."""

    name: str
    namespace: str
    kind: Literal["Deployment", "StatefulSet"] = "Deployment"
    replicas: int = Field(default=1, ge=0)
    image: str | None = None
    command: list[str] | None = None
    env: dict[str, str] | None = None
    port: int | None = None
    clusters: list[str] | None = None
    cluster_selector: LabelSelector | None = None
    storage: Storage | None = None


class Context(Model):
    """A context whose items are the files of a directory."""

    name: str
    namespace: str
    mcp_server_name: str
    context_type: ContextType
    directory: str
    """Directory with a folder tools, prompts or resources, relative to the project."""
    clusters: list[str] | None = None
    cluster_selector: LabelSelector | None = None
    conflict_policy: ConflictPolicy | None = None
    direction: Direction | None = None
    history: HistoryLimits | None = None
    suspended: bool | None = None
    wait: bool | None = None


class StackConfig(Model):
    """All of the stack's configuration."""

    fleet: Fleet
    servers: list[Server] | None = None
    contexts: list[Context] | None = None
    image: str | None = None
    retain_crds: bool = True


def read(config: pulumi.Config) -> StackConfig:
    """The configuration of the running stack.

    Raises:
        pydantic.ValidationError: names each field that is wrong.
    """
    raw: dict[str, Any] = {key: config.get_object(key) for key in ("fleet", "servers", "contexts")}
    raw |= {"image": config.get("image"), "retainCrds": config.get_bool("retainCrds")}
    return StackConfig.model_validate({key: value for key, value in raw.items() if value is not None})


def federation_args(config: StackConfig, project: Path) -> ContextFederationArgs:
    """What ContextFederation takes; paths in the configuration are relative to `project`.

    Raises:
        OSError: a kubeconfig cannot be read.
        ValueError: a context's directory holds a file that is no item.
    """
    args: ContextFederationArgs = {
        "fleet": _fleet(config.fleet, project),
        "servers": assistant.SERVERS,
        "contexts": assistant.contexts(),
        "retain_crds": config.retain_crds,
    }
    if config.servers is not None:
        args["servers"] = [cast("MCPServerSettings", _plain(server)) for server in config.servers]
    if config.contexts is not None:
        args["contexts"] = [_context(context, project) for context in config.contexts]
    if config.image is not None:
        args["image"] = config.image
    if config.fleet.control_plane.member_endpoint is not None:
        args["member_endpoint"] = config.fleet.control_plane.member_endpoint
    return args


def _plain(model: Model) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True, exclude_unset=True)


def _fleet(fleet: Fleet, project: Path) -> FleetArgs:
    members = {name: cast("MemberArgs", _cluster(member, project)) for name, member in fleet.members.items()}
    return {
        "host": cast("ClusterArgs", _cluster(fleet.host, project)),
        "control_plane": cast("ClusterArgs", _cluster(fleet.control_plane, project)),
        "members": members,
        "register": fleet.register_,
    }


def _cluster(cluster: Cluster | Member, project: Path) -> dict[str, Any]:
    args = _plain(cluster)
    args.pop("member_endpoint", None)
    if cluster.kubeconfig is not None:
        args["kubeconfig"] = _contents(cluster.kubeconfig, project)
    return args


def _contents(kubeconfig: str, project: Path) -> str:
    """A kubeconfig's contents have several lines, its path has one."""
    return kubeconfig if "\n" in kubeconfig.strip() else (project / kubeconfig.strip()).read_text(encoding="utf-8")


def _context(context: Context, project: Path) -> FederatedContextSettings:
    args = _plain(context)
    args["items"] = from_directory(project / args.pop("directory"), context.context_type)
    return cast("FederatedContextSettings", args)
