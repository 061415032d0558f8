"""ContextReplica: what sites hold and propose; per pod in a member, per cluster on the control plane."""

from enum import StrEnum
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from api.context_revision import RevisionItem
from api.dot import Digest, Dot, Hlc, Site, VersionVector
from api.item import ItemContent, ItemName
from api.model import Extensible, KubernetesObject, Model

BY_SITE: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["site"]}


class Change(Model):
    """An item's new content at a site."""

    cel: ClassVar[list[tuple[str, str]]] = [
        ("has(self.content) != (has(self.deleted) && self.deleted)", "a change has content or deletes, not both")
    ]

    item: ItemName
    content: ItemContent | None = None
    deleted: bool | None = None
    dot: Dot
    base_dot: Dot | None = None
    """The item's dot that the writer had seen; absent if it saw no such item."""

    @model_validator(mode="after")
    def _content_or_deleted(self) -> Self:
        if (self.content is not None) == bool(self.deleted):
            raise ValueError(f"change of {self.item!r} has content or deletes, not both")
        return self


class Problem(Model):
    """Something at a member that a person must look at."""

    reason: str = Field(max_length=64)
    message: str = Field(max_length=1024)
    item: str | None = Field(default=None, max_length=512)


class Inventory(Model):
    """All that a site has applied, sent when the control plane has lost it."""

    epoch: int
    version: int
    chain_digest: Digest
    version_vector: VersionVector
    items: list[RevisionItem] = Field(
        default_factory=list[RevisionItem],
        max_length=2000,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    """Without the items that this site has since changed itself: `changes` has them."""


class SiteState(Model):
    """One site: what it has applied, and its undecided changes. Cumulative: it replaces the state before it."""

    site: Site
    pod: str = ""
    """Name of the pod; empty once it is gone, and only its undecided changes are left."""
    base_version: int = 0
    base_digest: Digest | None = None
    """chainDigest of the revision that it last applied; absent before the first."""
    applied_version: int = 0
    digest: Digest | None = None
    """Digest of the payload that it holds now, its changes included; items of direction Local count as in the base."""
    changes: list[Change] = Field(default_factory=list[Change], max_length=1000)
    problems: list[Problem] = Field(default_factory=list[Problem], max_length=20)
    inventory: Inventory | None = None
    """Present while the control plane lacks something that this site has applied."""


class ContextReplicaSpec(Model):
    """What is held and proposed. In a spec, because it must survive a backup."""

    context: str
    context_namespace: str | None = None
    """Namespace of the context, where the replica lives in another one (on the control plane)."""
    cluster: str | None = None
    sites: list[SiteState] = Field(default_factory=list[SiteState], max_length=500, json_schema_extra=BY_SITE)
    problems: list[Problem] = Field(default_factory=list[Problem], max_length=20)
    """What is wrong in the member as a whole, e.g. no such MCP server."""


class Outcome(StrEnum):
    """What became of a change."""

    ACCEPTED = "Accepted"
    MERGED = "Merged"
    CONFLICT = "Conflict"
    REJECTED = "Rejected"


class ItemOutcome(Extensible):
    """The decision on one change."""

    item: str
    dot: Dot
    outcome: Outcome
    version: int = 0
    """Revision that holds the decision."""


class SiteDecision(Extensible):
    """How far a site's changes are decided."""

    site: Site
    hlc: Hlc


class ContextReplicaStatus(Extensible):
    """Decisions of the control plane on what is proposed."""

    decided: list[SiteDecision] = Field(default_factory=list[SiteDecision], max_length=500, json_schema_extra=BY_SITE)
    outcomes: list[ItemOutcome] = Field(default_factory=list[ItemOutcome], max_length=100)
    """What became of the last changes, oldest first."""
    inventory_wanted: list[Site] = Field(default_factory=list[Site], max_length=500)
    """Sites whose base is a revision that the control plane has lost: each is to send its inventory."""


class ContextReplica(KubernetesObject):
    """What one pod, or all pods of a cluster, hold of a context, and which changes they propose."""

    spec: ContextReplicaSpec
    status: ContextReplicaStatus = Field(default_factory=ContextReplicaStatus)
