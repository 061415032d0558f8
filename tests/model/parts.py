"""What the world is made of: what is set up, and what each machine stores and remembers."""

from dataclasses import dataclass, field

from api.context_replica import ContextReplicaSpec, SiteState
from api.context_revision import ContextRevisionSpec
from api.federated_context import FederatedContext, FederatedContextSpec
from api.names import INLINE_LIMIT_BYTES
from controllers.agent.holding import Holding
from controllers.federation.memory import Memory
from core.site.plan import Desired
from tests.model.oracle import Name
from tests.model.volume import Disk


@dataclass(frozen=True)
class Setup:
    """What a run is about."""

    pods: tuple[tuple[str, str], ...]
    """(cluster, pod)."""
    items: tuple[str, ...]
    spec: FederatedContextSpec
    """Without items: they are declared as the run goes on."""
    skews: tuple[int, ...] = (0,)
    """Milliseconds by which clocks are wrong: of the pods, then of the controllers."""
    payload_limit: int = INLINE_LIMIT_BYTES
    """Bytes of the largest payload, until the world is to come to rest."""

    def skew(self, index: int) -> int:
        return self.skews[index % len(self.skews)]


@dataclass
class PodReplica:
    """A pod's ContextReplica in its member's API server."""

    spec: ContextReplicaSpec
    deleted: bool = False
    """Deleted, and held by its finalizer."""


@dataclass
class Cluster:
    """A member: what its API server stores."""

    name: str
    context: Desired | None = None
    """The MCPContext that Karmada delivered last."""
    replicas: dict[str, PodReplica] = field(default_factory=dict[str, PodReplica])
    partitioned: bool = False

    @property
    def vector(self) -> dict[str, str]:
        return dict(self.context.spec.version_vector) if self.context else {}


@dataclass
class Pod:
    """One pod with its agent."""

    cluster: Cluster
    name: str
    skew: int
    disk: Disk
    holding: Holding | None = None
    """None while the agent does not run."""
    offered: SiteState | None = None
    is_new: bool = True
    """Whether the oracle has not seen its journal yet."""
    reached: tuple[int, int] = (0, 0)
    joined: frozenset[str] = frozenset()
    """Items of the revision with which the journal began, deleted ones too."""


@dataclass
class Controller:
    """A running federation controller, with what its caches hold."""

    skew: int
    incarnation: str
    revisions: dict[int, ContextRevisionSpec] = field(default_factory=dict[int, ContextRevisionSpec])
    replicas: dict[str, int] = field(default_factory=dict[str, int])
    """For each cluster, how much of the replica's history it has seen."""
    declared: int = 0
    """How much of the declarations it has seen."""
    operators: frozenset[str] = frozenset()
    """Sites of people that it has seen."""
    last_named: dict[str, int] = field(default_factory=dict[str, int])
    """When replicas ceased, and revisions began, to name sites."""
    memory: Memory | None = None


@dataclass(frozen=True)
class Observed:
    """What a controller sees of the context, as fresh as its caches are."""

    context: FederatedContext
    sites: list[SiteState]

    @property
    def generation(self) -> int:
        return self.context.metadata.generation


@dataclass(frozen=True)
class Backup:
    """How much of everything the store had at some time."""

    revisions: int
    retained: frozenset[int]
    """Versions of those that were not pruned."""
    declarations: int
    templates: int
    replicas: dict[str, int]
    operators: frozenset[str]
    processed: frozenset[Name]
    accounted: frozenset[Name]


@dataclass
class Store:
    """What the control plane's API server stores, now and before."""

    declarations: list[FederatedContext]
    revisions: dict[int, ContextRevisionSpec] = field(default_factory=dict[int, ContextRevisionSpec])
    replicas: dict[str, list[ContextReplicaSpec]] = field(default_factory=dict[str, list[ContextReplicaSpec]])
    templates: list[Desired] = field(default_factory=list[Desired])
    operators: dict[str, SiteState] = field(default_factory=dict[str, SiteState])
    """What people propose, by site, until it is decided."""
    log: list[ContextRevisionSpec] = field(default_factory=list[ContextRevisionSpec])
    """Every revision ever committed, pruned ones too."""

    @property
    def head(self) -> ContextRevisionSpec | None:
        return self.log[-1] if self.log else None
