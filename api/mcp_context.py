"""MCPContext: the live payload, rendered on the control plane and copied to the members by Karmada."""

from typing import Any

from pydantic import Field

from api.condition import Condition
from api.dot import Digest, Dot, VersionVector
from api.federated_context import CONDITION_LIST
from api.item import ContextType, Item, ItemName
from api.model import Extensible, KubernetesObject, Model

NAMED: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


class ServedItem(Item):
    """An item together with the change that made it."""

    dot: Dot


class Tombstone(Model):
    """A deleted item: who deleted it."""

    name: ItemName
    dot: Dot


class LocalRule(Model):
    """Whether the items whose name matches are local."""

    match: str = Field(min_length=1, max_length=253)
    """Shell-style pattern over item names."""
    local: bool
    """True: each pod keeps such an item to itself. False: pods share it, whatever later rules say."""


class ServedPayload(Model):
    """The items that servers serve."""

    items: list[ServedItem] = Field(default_factory=list[ServedItem], max_length=1000, json_schema_extra=NAMED)


class MCPContextSpec(Model):
    """One revision, as members apply it."""

    mcp_server_name: str
    context_type: ContextType
    context_payload: ServedPayload = Field(default_factory=ServedPayload)
    tombstones: list[Tombstone] = Field(default_factory=list[Tombstone], max_length=1000, json_schema_extra=NAMED)
    epoch: int = 0
    version: int = 0
    timestamp: str
    """When the revision was committed (RFC 3339)."""
    digest: Digest
    """Digest of the payload."""
    chain_digest: Digest
    """Identity of the revision: covers its content, its origin and its parent."""
    version_vector: VersionVector = Field(default_factory=dict)
    local_items: list[LocalRule] | None = Field(default=None, max_length=65)
    """Which items each pod keeps to itself, listed here or not: the first match decides. Absent: none."""


class ReplicaCounts(Extensible):
    """Pods of the MCP server in this member."""

    total: int = 0
    applied: int = 0


class MCPContextStatus(Extensible):
    """What this member serves."""

    observed_generation: int = 0
    observed_version: int = 0
    digest: Digest | None = None
    replicas: ReplicaCounts = Field(default_factory=ReplicaCounts)
    conditions: list[Condition] = Field(default_factory=list[Condition], json_schema_extra=CONDITION_LIST)


class MCPContext(KubernetesObject):
    """The payload that the MCP servers of a cluster serve. Nobody edits it: Karmada reverts edits."""

    spec: MCPContextSpec
    status: MCPContextStatus = Field(default_factory=MCPContextStatus)
