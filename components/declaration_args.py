"""What contexts and MCP servers are declared with. Generated from api/ by `make generate`; do not edit."""

from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypeAlias, TypedDict

from api.declaration import WorkloadKind
from api.federated_context import ConflictPolicyName, Direction
from api.item import ContextType

if TYPE_CHECKING:
    ConflictPolicyNameArg: TypeAlias = (
        ConflictPolicyName | Literal["ThreeWayMerge", "LastWriterWins", "ControlPlaneWins", "ClusterPriority", "Manual"]
    )
    ContextTypeArg: TypeAlias = ContextType | Literal["tools", "resources", "prompts"]
    DirectionArg: TypeAlias = Direction | Literal["TwoWay", "FromControlPlane", "FromMember", "Local"]
    WorkloadKindArg: TypeAlias = WorkloadKind | Literal["Deployment", "StatefulSet"]
    LabelSelectorRequirementOperator: TypeAlias = Literal["In", "NotIn", "Exists", "DoesNotExist"]
else:
    ConflictPolicyNameArg = ConflictPolicyName
    ContextTypeArg = ContextType
    DirectionArg = Direction
    WorkloadKindArg = WorkloadKind
    LabelSelectorRequirementOperator = str


class LabelSelectorRequirementArgs(TypedDict):
    """One requirement of a label selector."""

    key: str
    """Label that the requirement is about."""
    operator: LabelSelectorRequirementOperator
    """How the label and the values relate."""
    values: NotRequired[list[str]]
    """Values, for In and NotIn."""


class LabelSelectorArgs(TypedDict):
    """Selects members by the labels of their Cluster objects, as a metav1.LabelSelector does."""

    match_labels: NotRequired[dict[str, str]]
    """Labels that a member must have."""
    match_expressions: NotRequired[list[LabelSelectorRequirementArgs]]
    """Further requirements; all must hold."""


class ConflictRuleArgs(TypedDict):
    """An exception for the items whose name matches; the first match holds."""

    match: str
    """Shell-style pattern over item names, e.g. `notes/*`."""
    policy: NotRequired[ConflictPolicyNameArg]
    """Conflict policy of these items."""
    direction: NotRequired[DirectionArg]
    """Direction of these items."""


class ConflictPolicyArgs(TypedDict):
    """How concurrent changes are decided."""

    default: NotRequired[ConflictPolicyNameArg]
    """Conflict policy of all items that no rule matches. Default: ThreeWayMerge."""
    priority: NotRequired[list[str]]
    """Names of clusters, the one that wins first. ClusterPriority needs it, as default and in a rule."""
    rules: NotRequired[list[ConflictRuleArgs]]
    """Exceptions; the first that matches an item holds."""


class HistoryLimitsArgs(TypedDict):
    """How much of the past is kept."""

    revisions: NotRequired[int]
    """Number of revisions kept at most, the head among them. Default: 20."""
    days: NotRequired[int]
    """How many days a revision is kept at most after another has replaced it. Absent: only the number matters."""


class ItemArgs(TypedDict):
    """A named item of a payload."""

    name: str
    """Name, unique in the payload; also the path of the item in the context directory."""
    definition: NotRequired[dict[str, Any]]
    """The raw MCP object (Tool, Resource, ResourceTemplate or Prompt); unknown fields are kept."""
    text: NotRequired[str]
    """Content as UTF-8 text: of an MCP resource, of a resource template, or a tool's Python module."""
    data: NotRequired[str]
    """Content as base64, for bytes that are not UTF-8 text."""
    handler: NotRequired[dict[str, Any]]
    """How a tool answers: exactly one of `static` (a CallToolResult), `python` {entrypoint}, `http` {url, method}."""
    messages: NotRequired[list[dict[str, Any]]]
    """Messages of a prompt: PromptMessages with `{{argument}}` placeholders."""
    media_type: NotRequired[str]
    """Media type of the content where the definition does not say it."""
    mode: NotRequired[str]
    """Permission bits of the content's file, e.g. `0755`; no setuid, setgid or sticky bit."""


class ContextDeclarationArgs(TypedDict):
    """A context, apart from the control plane on which it is declared."""

    mcp_server_name: str
    """Name of the Deployment or StatefulSet that serves the context, in the context's namespace."""
    context_type: ContextTypeArg
    """Which of the MCP server's primitives the items are."""
    name: str
    """Name of the context."""
    namespace: str
    """Namespace of the context and of its MCP server; must exist on the control plane."""
    items: list[ItemArgs]
    """The declared items. Members may change them afterwards; what changes here is merged with that."""
    clusters: NotRequired[list[str]]
    """Names of the members that serve it. With neither names nor selector: every member."""
    cluster_selector: NotRequired[LabelSelectorArgs]
    """Selects the members that serve it. With neither names nor selector: every member."""
    conflict_policy: NotRequired[ConflictPolicyArgs]
    """How concurrent changes are decided."""
    direction: NotRequired[DirectionArg]
    """Which way changes flow. Default: TwoWay."""
    history: NotRequired[HistoryLimitsArgs]
    """How much of the past is kept."""
    suspended: NotRequired[bool]
    """True: nothing is merged or projected until it is false again; members keep what they have."""
    wait: NotRequired[bool]
    """Wait until every placed member serves it. Without: a member that is down fails no update."""


class StorageArgs(TypedDict):
    """A volume that outlives the pod."""

    size: str
    """Size, e.g. 1Gi."""
    storage_class: NotRequired[str]
    """Storage class. Absent: the member's default one."""


class ServerDeclarationArgs(TypedDict):
    """An MCP server, apart from the control plane on which it is declared."""

    name: str
    """Name of the workload: its contexts name it as their MCP server."""
    namespace: str
    """Namespace; must exist on the control plane."""
    kind: NotRequired[WorkloadKindArg]
    """Kind of workload. Default: Deployment."""
    replicas: NotRequired[int]
    """Pods in each member. Default: 1."""
    image: NotRequired[str]
    """Image of the MCP server. It runs as user 65532 and may write to /context and /tmp. Absent: our native server."""
    command: NotRequired[list[str]]
    """Command. Absent: the image's own."""
    env: NotRequired[dict[str, str]]
    """Environment of the MCP server. It is no place for secrets."""
    port: NotRequired[int]
    """Port at which the MCP server listens. Default: 8000."""
    clusters: NotRequired[list[str]]
    """Names of the members that run it. Absent: all that the selector selects."""
    cluster_selector: NotRequired[LabelSelectorArgs]
    """Selects the members that run it. Absent: all."""
    storage: NotRequired[StorageArgs]
    """Volume of the context directories, for a StatefulSet. Absent: a directory that goes with the pod."""
