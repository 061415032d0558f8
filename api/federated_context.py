"""FederatedContext: what people and Pulumi declare on the control plane. Controllers write only its status."""

from enum import StrEnum
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from api.condition import Condition
from api.dot import Digest
from api.item import ContextPayload, ContextType
from api.model import Extensible, KubernetesObject, Model

CONDITION_LIST: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}


class ConflictPolicyName(StrEnum):
    """What decides when two sites changed one item without seeing each other. Losers are always recorded."""

    THREE_WAY_MERGE = "ThreeWayMerge"
    """Both sides' changes where they do not touch; where they do, LastWriterWins."""
    LAST_WRITER_WINS = "LastWriterWins"
    """The greater clock, bounded by the control plane's own so that a fast clock does not win for ever."""
    CONTROL_PLANE_WINS = "ControlPlaneWins"
    """A declaration or an operator wins over a member; between members the head stays."""
    CLUSTER_PRIORITY = "ClusterPriority"
    """The cluster that stands first in `priority`; LastWriterWins within one rank."""
    MANUAL = "Manual"
    """The head stays, and the conflict is open until an operator resolves it."""


class Direction(StrEnum):
    """Which way changes flow."""

    TWO_WAY = "TwoWay"
    FROM_CONTROL_PLANE = "FromControlPlane"
    """Changes in members are reverted and recorded."""
    FROM_MEMBER = "FromMember"
    """The declaration seeds an item; from then on only members change it."""
    LOCAL = "Local"
    """The declaration seeds an item in each pod; then the pod's copy is its own: neither proposed nor overwritten."""


PRIORITY_GIVEN: Final = (
    "(has(self.priority) && self.priority.size() > 0) || !(has(self.default) && self.default == 'ClusterPriority'"
    " || has(self.rules) && self.rules.exists(rule, has(rule.policy) && rule.policy == 'ClusterPriority'))"
)
PRIORITY_MISSING: Final = (
    "ClusterPriority needs conflictPolicy.priority: list the clusters there, the one that wins first"
)


class ConflictRule(Model):
    """An exception for the items whose name matches; the first match holds."""

    match: str = Field(min_length=1, max_length=253)
    """Shell-style pattern over item names, e.g. `notes/*`."""
    policy: ConflictPolicyName | None = None
    """Conflict policy of these items."""
    direction: Direction | None = None
    """Direction of these items."""


class ConflictPolicy(Model):
    """How concurrent changes are decided."""

    cel: ClassVar[list[tuple[str, str]]] = [(PRIORITY_GIVEN, PRIORITY_MISSING)]

    default: ConflictPolicyName = ConflictPolicyName.THREE_WAY_MERGE
    """Conflict policy of all items that no rule matches."""
    priority: list[str] = Field(default_factory=list[str], max_length=500)
    """Names of clusters, the one that wins first. ClusterPriority needs it, as default and in a rule."""
    rules: list[ConflictRule] = Field(default_factory=list[ConflictRule], max_length=64)
    """Exceptions; the first that matches an item holds."""

    @model_validator(mode="after")
    def _priority_given(self) -> Self:
        policies = (self.default, *(rule.policy for rule in self.rules))
        if ConflictPolicyName.CLUSTER_PRIORITY in policies and not self.priority:
            raise ValueError(PRIORITY_MISSING)
        return self


class LabelSelectorRequirement(Model):
    """One requirement of a label selector."""

    key: str
    """Label that the requirement is about."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label and the values relate."""
    values: list[str] | None = None
    """Values, for In and NotIn."""


class LabelSelector(Model):
    """Selects members by the labels of their Cluster objects, as a metav1.LabelSelector does."""

    match_labels: dict[str, str] | None = None
    """Labels that a member must have."""
    match_expressions: list[LabelSelectorRequirement] | None = None
    """Further requirements; all must hold."""


class HistoryLimits(Model):
    """How much of the past is kept."""

    revisions: int = Field(default=20, ge=1, le=1000)
    """Number of revisions kept at most, the head among them."""
    days: int | None = Field(default=None, ge=1, le=3650)
    """How many days a revision is kept at most after another has replaced it. Absent: only the number matters."""


class ContextSettings(Model):
    """What is wanted of a context, apart from its items."""

    cel: ClassVar[list[tuple[str, str]]] = [
        ("!(has(self.clusters) && has(self.clusterSelector))", "set clusters or clusterSelector, not both"),
        ("self.contextType == oldSelf.contextType", "contextType cannot change: delete the context and create another"),
    ]

    mcp_server_name: str = Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    """Name of the Deployment or StatefulSet that serves the context, in the context's namespace."""
    context_type: ContextType
    """Which of the MCP server's primitives the items are."""
    clusters: list[str] | None = Field(default=None, max_length=500, min_length=1)
    """Names of the members that serve it. With neither names nor selector: every member."""
    cluster_selector: LabelSelector | None = None
    """Selects the members that serve it. With neither names nor selector: every member."""
    conflict_policy: ConflictPolicy = Field(default_factory=ConflictPolicy)
    """How concurrent changes are decided."""
    direction: Direction = Direction.TWO_WAY
    """Which way changes flow."""
    history: HistoryLimits = Field(default_factory=HistoryLimits)
    """How much of the past is kept."""
    suspended: bool = False
    """True: nothing is merged or projected until it is false again; members keep what they have."""

    @model_validator(mode="after")
    def _one_placement(self) -> Self:
        if self.clusters is not None and self.cluster_selector is not None:
            raise ValueError("set clusters or clusterSelector, not both")
        return self


class FederatedContextSpec(ContextSettings):
    """What is wanted."""

    context_payload: ContextPayload = Field(default_factory=ContextPayload)
    """The declared items. What runs is in MCPContext: members may have changed items since."""

    @model_validator(mode="after")
    def _unique_names(self) -> Self:
        seen: set[str] = set()
        for item in self.context_payload.items:
            if item.name in seen:
                raise ValueError(f"item {item.name!r} is declared twice")
            seen.add(item.name)
        return self


class Phase(StrEnum):
    """The paper's summary of a context's state."""

    PENDING = "Pending"
    APPLIED = "Applied"
    ERROR = "Error"


class ClusterCounts(Extensible):
    """Placed clusters by state; bounded at any fleet size."""

    total: int = 0
    applied: int = 0
    pending: int = 0
    failed: int = 0
    stale: int = 0


class ClusterException(Extensible):
    """A cluster that does not serve the head, and why."""

    cluster: str
    reason: str
    message: str = Field(max_length=1024)
    since: str


class ConflictCounts(Extensible):
    """Conflicts in the retained history."""

    open: int = 0
    recorded: int = 0


class FederatedContextStatus(Extensible):
    """What is observed; rebuilt from revisions and replicas at any time."""

    observed_generation: int = 0
    phase: Phase = Phase.PENDING
    epoch: int = 0
    version: int = 0
    timestamp: str | None = None
    """When the head was committed (RFC 3339)."""
    digest: Digest | None = None
    """Digest of the head's payload."""
    last_writer: str | None = None
    """Site whose change made the head."""
    clusters: ClusterCounts = Field(default_factory=ClusterCounts)
    applied: str | None = None
    """`<applied>/<total>` clusters, for people."""
    exceptions: list[ClusterException] = Field(default_factory=list[ClusterException], max_length=20)
    conflicts: ConflictCounts = Field(default_factory=ConflictCounts)
    conditions: list[Condition] = Field(default_factory=list[Condition], json_schema_extra=CONDITION_LIST)


class FederatedContext(KubernetesObject):
    """The declared context of MCP servers in several clusters."""

    cel: ClassVar[list[tuple[str, str]]] = [
        ("self.metadata.name.size() <= 63", "a context's name has at most 63 characters: it is used as a label value")
    ]

    spec: FederatedContextSpec
    status: FederatedContextStatus = Field(default_factory=FederatedContextStatus)
