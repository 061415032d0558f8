"""What an MCP server is declared with."""

from typing import NotRequired, TypedDict

import pulumi_kubernetes as k8s

from components.placement import LabelSelectorArgs


class StorageArgs(TypedDict):
    """A volume that outlives the pod."""

    size: str
    """Size, e.g. 1Gi."""
    storage_class: NotRequired[str]
    """Storage class; default: the member's default one."""


class MCPServerSettings(TypedDict):
    """An MCP server, apart from where it is declared."""

    name: str
    """Name of the workload: the `mcp_server_name` of its contexts."""
    namespace: str
    """Namespace; must exist on the control plane."""
    kind: NotRequired[str]
    """Kind of workload: Deployment (default) or StatefulSet."""
    replicas: NotRequired[int]
    """Pods in each member; default 1."""
    image: NotRequired[str]
    """Image of the MCP server; default: our native server. It runs as user 65532 and may write to /context and /tmp."""
    command: NotRequired[list[str]]
    """Command; default: the image's own."""
    env: NotRequired[dict[str, str]]
    """Environment of the MCP server. It is no place for secrets."""
    port: NotRequired[int]
    """Port at which the MCP server listens; default 8000."""
    clusters: NotRequired[list[str]]
    """Names of the members that run it; default: all that `cluster_selector` selects."""
    cluster_selector: NotRequired[LabelSelectorArgs]
    """Selects the members that run it; default: all."""
    storage: NotRequired[StorageArgs]
    """Volume of the context directories, for a StatefulSet; default: a directory that goes with the pod."""


class MCPServerArgs(MCPServerSettings):
    """An MCP server and where it is declared."""

    control_plane: k8s.Provider
    """The control plane."""
    agent_image: NotRequired[str]
    """Image of the agent; default: that of this version of the project."""
