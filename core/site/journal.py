"""The agent's journal: what a site has applied, what it proposes, and its clock. Durable, and readable by people."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from api.context_replica import Change
from api.context_revision import RevisionItem
from api.dot import Digest, Dot, Hlc, Site, VersionVector
from api.item import ContextType, ItemName
from api.mcp_context import LocalRule
from api.model import Model
from core.values import canonical, clock
from core.values.local_items import is_local
from core.values.version_vector import includes


class Base(Model):
    """The revision last applied, and the rules that came with it; version 0 before the first."""

    epoch: int = 0
    version: int = 0
    chain_digest: Digest | None = None
    version_vector: VersionVector = Field(default_factory=dict)
    local_items: list[LocalRule] | None = None


class Held(Model):
    """What the local copy of an item was last set from."""

    digest: Digest | None = None
    """Content digest; absent if the item was deleted."""
    dot: Dot | None = None
    """The change that made it; absent for content found before the first revision was applied."""


class Journal(Model):
    """One context at one site. It changes only by the functions of core, each giving the journal to be made durable."""

    format: Literal[1] = 1
    site: Site
    incarnation: str
    context_type: ContextType
    last_hlc: Hlc = clock.ZERO
    """No dot of this site is later."""
    base: Base = Field(default_factory=Base)
    held: dict[ItemName, Held] = Field(default_factory=dict[ItemName, Held])
    """By item. For a local item, and one that was kept when the base was applied: what it was set from before that."""
    pending: dict[ItemName, Change] = Field(default_factory=dict[ItemName, Change])
    """By item: the change that is not decided, or whose decision is not applied yet."""
    waiting: dict[ItemName, RevisionItem] = Field(default_factory=dict[ItemName, RevisionItem])
    """The base's version of each item that was kept when it was applied, or is local: it may be only here."""

    def expected(self, item: str) -> str | None:
        """Content digest that the local copy has if nobody has changed it since; None if there is no such item."""
        if change := self.pending.get(item):
            return canonical.content_digest(change.content) if change.content else None
        held = self.held.get(item)
        return held.digest if held else None

    def is_local(self, item: str) -> bool:
        """Whether the local copy is this site's own, which is never published."""
        return is_local(self.base.local_items, item)

    @property
    def seeds(self) -> dict[str, str]:
        """Content digest in the base of each local item that the base holds."""
        return {name: item.digest for name, item in self.waiting.items() if item.digest and self.is_local(name)}

    def is_undecided(self, item: str, version_vector: Mapping[str, str]) -> bool:
        """Whether the item has a change that is not in the version vector."""
        change = self.pending.get(item)
        return change is not None and not includes(version_vector, change.dot)
