"""What a program or a stack's configuration declares: a context and an MCP server, each with its name and namespace.

The components' arguments are generated from these models (api/typed_args.py).
"""

from enum import StrEnum
from typing import Final

from pydantic import Field

from api.federated_context import ContextSettings, LabelSelector
from api.item import Item
from api.model import Model

DEFAULT_PORT: Final = 8000


class WorkloadKind(StrEnum):
    """What keeps the pods of an MCP server running."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


class ContextDeclaration(ContextSettings):
    """A context, apart from the control plane on which it is declared."""

    name: str
    """Name of the context."""
    namespace: str
    """Namespace of the context and of its MCP server; must exist on the control plane."""
    items: list[Item]
    """The declared items. Members may change them afterwards; what changes here is merged with that."""
    wait: bool = False
    """Wait until every placed member serves it. Without: a member that is down fails no update."""


class Storage(Model):
    """A volume that outlives the pod."""

    size: str
    """Size, e.g. 1Gi."""
    storage_class: str | None = None
    """Storage class. Absent: the member's default one."""


class ServerDeclaration(Model):
    """An MCP server, apart from the control plane on which it is declared."""

    name: str
    """Name of the workload: its contexts name it as their MCP server."""
    namespace: str
    """Namespace; must exist on the control plane."""
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    """Kind of workload."""
    replicas: int = Field(default=1, ge=0)
    """Pods in each member."""
    image: str | None = None
    """Image of the MCP server. It runs as user 65532 and may write to /context and /tmp. Absent: our native server."""
    command: list[str] | None = None
    """Command. Absent: the image's own."""
    env: dict[str, str] | None = None
    """Environment of the MCP server. It is no place for secrets."""
    port: int = DEFAULT_PORT
    """Port at which the MCP server listens."""
    clusters: list[str] | None = None
    """Names of the members that run it. Absent: all that the selector selects."""
    cluster_selector: LabelSelector | None = None
    """Selects the members that run it. Absent: all."""
    storage: Storage | None = None
    """Volume of the context directories, for a StatefulSet. Absent: a directory that goes with the pod."""
