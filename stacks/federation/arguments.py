"""From the stack's configuration to the arguments of ContextFederation."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from api.model import Model
from components.context_federation import ContextFederationArgs
from components.declaration_args import ContextDeclarationArgs, ServerDeclarationArgs
from components.fleet import ClusterArgs, FleetArgs, MemberArgs
from components.payload import from_directory
from stacks.federation.config import ClusterConfig, ContextConfig, FleetConfig, MemberConfig, StackConfig


class Declarations(Protocol):
    """What a module has that the configuration names as `declarations`."""

    SERVERS: Sequence[ServerDeclarationArgs]
    """MCP servers."""

    def contexts(self) -> Sequence[ContextDeclarationArgs]:
        """Their contexts."""
        ...


def federation_args(config: StackConfig, project: Path) -> ContextFederationArgs:
    """What ContextFederation takes; paths in the configuration are relative to `project`.

    Raises:
        OSError: a kubeconfig cannot be read.
        ValueError: a context's directory holds a file that is no item, or there is no module of the declarations.
    """
    servers = [cast("ServerDeclarationArgs", _plain(server)) for server in config.servers]
    contexts = [_context(context, project) for context in config.contexts]
    if config.declarations is not None:
        declared = _declarations(config.declarations)
        servers += declared.SERVERS
        contexts += declared.contexts()
    args: ContextFederationArgs = {
        "fleet": _fleet(config.fleet, project),
        "servers": servers,
        "contexts": contexts,
        "retain_crds": config.retain_crds,
    }
    if config.image is not None:
        args["image"] = config.image
    if config.fleet.control_plane.member_endpoint is not None:
        args["member_endpoint"] = config.fleet.control_plane.member_endpoint
    return args


def _declarations(module: str) -> Declarations:
    try:
        return cast("Declarations", cast("object", import_module(module)))
    except ModuleNotFoundError as error:
        raise ValueError(f"declarations {module!r}: {error}; name a module on PYTHONPATH") from error


def _plain(model: Model) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True, exclude_unset=True)


def _fleet(fleet: FleetConfig, project: Path) -> FleetArgs:
    members = {name: cast("MemberArgs", _cluster(member, project)) for name, member in fleet.members.items()}
    return {
        "host": cast("ClusterArgs", _cluster(fleet.host, project)),
        "control_plane": cast("ClusterArgs", _cluster(fleet.control_plane, project)),
        "members": members,
        "register": fleet.register_,
    }


def _cluster(cluster: ClusterConfig | MemberConfig, project: Path) -> dict[str, Any]:
    args = _plain(cluster)
    args.pop("member_endpoint", None)
    if cluster.kubeconfig is not None:
        args["kubeconfig"] = _contents(cluster.kubeconfig, project)
    return args


def _contents(kubeconfig: str, project: Path) -> str:
    """A kubeconfig's contents have several lines, its path has one."""
    return kubeconfig if "\n" in kubeconfig.strip() else (project / kubeconfig.strip()).read_text(encoding="utf-8")


def _context(context: ContextConfig, project: Path) -> ContextDeclarationArgs:
    args = _plain(context)
    if context.directory is not None:
        args["items"] = from_directory(project / args.pop("directory"), context.context_type)
    return cast("ContextDeclarationArgs", args)
