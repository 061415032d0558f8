"""ContextRevision: an immutable state of a whole payload. Creating it is the commit."""

from typing import ClassVar

from pydantic import Field

from api.dot import Digest, Dot, Hlc, Site, VersionVector
from api.item import ItemContent, ItemName
from api.mcp_context import NAMED
from api.model import KubernetesObject, Model


class RevisionItem(Model):
    """One item at one revision; without content it is deleted."""

    name: ItemName
    digest: Digest | None = None
    """Digest of the content; absent for a tombstone."""
    content: ItemContent | None = None
    deleted: bool | None = None
    """True for a tombstone: kept so that an older copy is recognised as older."""
    dot: Dot
    merged_from: list[Dot] | None = Field(default=None, max_length=64)
    """Dots of the changes whose contents were merged into this one, the newest last."""


class Cause(Model):
    """The changes of one site that a revision took in."""

    site: Site
    items: list[ItemName] = Field(max_length=1000)


class Loser(Model):
    """A change that did not become the head: kept, so that it can be restored."""

    content: ItemContent | None = None
    deleted: bool | None = None
    dot: Dot


class ConflictRecord(Model):
    """Two changes of one item that did not see each other, and how it was decided."""

    item: ItemName
    base: Dot | None = None
    """What the losing writer had seen."""
    kept: Dot
    """The change that is the item at this revision."""
    lost: Loser
    """The other change."""
    policy: str
    """Conflict policy, or direction, that decided."""
    open: bool = False
    """True while an operator has to decide; carried from revision to revision until then."""
    merged: bool = False
    """True: `kept` includes this change, and `lost` is its content before the merge. False: `kept` replaced it."""


class DeclaredItem(Model):
    """An item of the declaration that a revision has taken in."""

    name: ItemName
    digest: Digest
    dot: Dot


class Declared(Model):
    """The declaration that a revision has taken in: base of the next one."""

    generation: int = 0
    items: list[DeclaredItem] = Field(default_factory=list[DeclaredItem], max_length=1000, json_schema_extra=NAMED)


class ContextRevisionSpec(Model):
    """A committed state."""

    cel: ClassVar[list[tuple[str, str]]] = [("self == oldSelf", "a revision is immutable")]

    context: str
    epoch: int = Field(default=0, ge=0)
    version: int = Field(ge=1)
    parent: Digest | None = None
    """chainDigest of the revision before; absent for the first."""
    digest: Digest
    """Digest of the payload."""
    chain_digest: Digest
    """Digest over all other fields, parent included: revisions form a verifiable chain."""
    timestamp: str
    hlc: Hlc
    """Clock of the control plane at the commit, at least every HLC in the version vector."""
    version_vector: VersionVector = Field(default_factory=dict)
    items: list[RevisionItem] = Field(default_factory=list[RevisionItem], max_length=2000, json_schema_extra=NAMED)
    cause: list[Cause] = Field(default_factory=list[Cause], max_length=2048)
    conflicts: list[ConflictRecord] = Field(default_factory=list[ConflictRecord], max_length=4096)
    declared: Declared = Field(default_factory=Declared)


class ContextRevision(KubernetesObject):
    """An immutable, numbered state of a context's whole payload."""

    spec: ContextRevisionSpec
