"""apply: a revision against a journal and what is held locally → what to write, and the journal afterwards."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, Self

from api.context_revision import RevisionItem
from api.item import ItemContent
from api.mcp_context import MCPContextSpec
from core.site.detect import Present
from core.site.journal import Base, Held, Journal
from core.values import clock
from core.values.canonical import content_digest, payload_digest
from core.values.local_items import is_local
from core.values.version_vector import dominates

REASON_RECOVERY_NEEDED: Final = "RecoveryNeeded"
"""The revision does not follow from the one applied here."""
REASON_DIGEST_MISMATCH: Final = "DigestMismatch"
"""The payload is not the one that the revision's digest names."""

_ABSENT = Held()


@dataclass(frozen=True)
class Desired:
    """A revision as it is to be held."""

    spec: MCPContextSpec
    contents: Mapping[str, ItemContent]
    """Its items by name."""
    targets: Mapping[str, Held]
    """What a site holds of it: its items and its tombstones, by name."""

    @classmethod
    def of(cls, spec: MCPContextSpec) -> Self:
        """With contents and digests worked out once."""
        items = spec.context_payload.items
        contents = {item.name: item.content for item in items}
        live = {item.name: Held(digest=content_digest(contents[item.name]), dot=item.dot) for item in items}
        return cls(spec, contents, live | {tombstone.name: Held(dot=tombstone.dot) for tombstone in spec.tombstones})

    def is_local(self, item: str) -> bool:
        """Whether a site keeps an item to itself, be it in the revision or not."""
        return is_local(self.spec.local_items, item)

    @property
    def seeds(self) -> dict[str, str]:
        """Content digest of each local item."""
        return {name: held.digest for name, held in self.targets.items() if held.digest and self.is_local(name)}


@dataclass(frozen=True)
class Write:
    """One item to bring to the revision's content."""

    item: str
    before: str | None
    """Content digest found locally; None if there is no such item."""
    after: str | None
    """Content digest in the revision; None removes the item."""
    content: ItemContent | None
    """What `after` is the digest of."""
    unique: bool
    """Whether the content found is of unknown origin, so that no revision holds it: a copy must be saved."""


@dataclass(frozen=True)
class Plan:
    """How to apply a revision. Removals come first, so that a file can take the place of an emptied directory."""

    writes: tuple[Write, ...]
    kept: frozenset[str]
    """Items that stay as they are: their change is undecided, they are unreadable, or the copy is the site's own."""


@dataclass(frozen=True)
class Refusal:
    """Why a revision is not applied."""

    reason: str
    message: str
    is_older: bool = False
    """Whether it is a revision that the base has left behind: it may have been delivered late, and a newer follows."""


def first_journal(site: str, incarnation: str, desired: Desired, present: Present) -> Journal:
    """The first journal of a site: whatever it finds in its directory is of unknown origin.

    An item of which the revision has content or a tombstone is expected as it is found: it is no change, and the
    revision replaces it. Any other item that is found is an addition, which `detect` proposes. Local items stay.
    """
    return Journal(
        site=site,
        incarnation=incarnation,
        context_type=desired.spec.context_type,
        last_hlc=clock.latest(desired.spec.version_vector.values()),
        base=Base(local_items=desired.spec.local_items),
        held={name: Held(digest=digest) for name, digest in present.digests.items() if name in desired.targets},
    )


def plan(journal: Journal, desired: Desired, present: Present) -> Plan | Refusal | None:
    """What applying the revision takes; None if all of it is applied.

    The base's own revision is planned again if an item that was kept can now be brought up to it, or if the rules for
    local items have changed.

    Args:
        journal: after `detect` of the same `present`.
        desired: the newest revision.
        present: what is held now.
    """
    if refusal := _refuse(journal.base, desired):
        return refusal
    spec, vector = desired.spec, desired.spec.version_vector
    known = {*desired.targets, *journal.held, *journal.pending, *present.digests}
    undecided = {name for name in journal.pending if journal.is_undecided(name, vector) and not desired.is_local(name)}
    kept = present.unreadable | undecided
    kept |= {name for name in known - kept if _is_own(journal, desired, present, name)}
    names = sorted(known - kept)
    is_base = (journal.base.chain_digest, journal.base.local_items) == (spec.chain_digest, spec.local_items)
    if is_base and all(_is_settled(journal, desired, name) for name in names):
        return None
    writes = [_write(journal, desired, present, name) for name in names]
    needed = [write for write in writes if write.before != write.after]
    return Plan(tuple(sorted(needed, key=lambda write: write.after is not None)), kept)


def complete(journal: Journal, desired: Desired, kept: Set[str]) -> Journal:
    """The journal once all items but the kept ones hold the revision.

    A kept item still holds what it was set from before, because a later edit of it has not seen the revision. The
    pending change of an item that has become local is dropped: the copy stays, and is a change again once the item is
    shared.
    """
    spec = desired.spec
    held = {name: value for name, value in desired.targets.items() if name not in kept}
    held |= {name: value for name, value in journal.held.items() if name in kept}
    new = {name for name in kept if _is_new(journal, desired, name)}
    waiting = new | {name for name in desired.targets if desired.is_local(name)}
    return journal.model_copy(
        update={
            "base": Base(
                epoch=spec.epoch,
                version=spec.version,
                chain_digest=spec.chain_digest,
                version_vector=spec.version_vector,
                local_items=spec.local_items,
            ),
            "held": dict(sorted(held.items())),
            "pending": {
                name: change for name, change in journal.pending.items() if name in kept and not desired.is_local(name)
            },
            "waiting": {name: _item(desired, name) for name in sorted(waiting)},
            # The receive rule of hybrid logical clocks: what this site does next is later than all it has seen.
            "last_hlc": clock.latest([journal.last_hlc, *spec.version_vector.values()]),
        }
    )


def _refuse(base: Base, desired: Desired) -> Refusal | None:
    spec = desired.spec
    number, applied = (spec.epoch, spec.version), (base.epoch, base.version)
    is_older = number < applied and dominates(base.version_vector, spec.version_vector)
    if number < applied or (number == applied and spec.chain_digest != base.chain_digest):
        why = "is older than" if number < applied else "is another one than"
    elif not dominates(spec.version_vector, base.version_vector):
        why = "lacks changes that are in"
    elif payload_digest({name: held.digest for name, held in desired.targets.items() if held.digest}) != spec.digest:
        return Refusal(REASON_DIGEST_MISMATCH, f"revision {spec.version}: the payload is not what its digest says")
    else:
        return None
    message = (
        f"revision {spec.version} (epoch {spec.epoch}) {why} revision {base.version} (epoch {base.epoch}), which is "
        "applied here and stays: the control plane has lost revisions, and is offered what is held here"
    )
    return Refusal(REASON_RECOVERY_NEEDED, message, is_older)


def _write(journal: Journal, desired: Desired, present: Present, name: str) -> Write:
    before, after = present.digests.get(name), desired.targets.get(name, _ABSENT).digest
    held = journal.held.get(name)
    unique = before is not None and held is not None and held.dot is None
    return Write(name, before, after, desired.contents.get(name), unique)


def _is_own(journal: Journal, desired: Desired, present: Present, name: str) -> bool:
    """Whether the local copy, or its absence, is neither the revision's nor to be replaced by it.

    A local item without a copy is seeded, unless the site has deleted this very one. A copy that has been changed
    while its item was local is no change yet, so it must stay until it is.
    """
    now, target = present.digests.get(name), desired.targets.get(name, _ABSENT)
    if now == target.digest:
        return False
    if desired.is_local(name):
        return now is not None or target == journal.held.get(name)
    return journal.is_local(name) and now != journal.expected(name)


def _is_new(journal: Journal, desired: Desired, name: str) -> bool:
    """Whether the revision holds of an item what this site never held."""
    return name in desired.targets and desired.targets[name] != journal.held.get(name)


def _item(desired: Desired, name: str) -> RevisionItem:
    target, content = desired.targets[name], desired.contents.get(name)
    assert target.dot is not None  # every item and every tombstone of a revision has one
    deleted = True if content is None else None
    return RevisionItem(name=name, digest=target.digest, content=content, deleted=deleted, dot=target.dot)


def _is_settled(journal: Journal, desired: Desired, name: str) -> bool:
    return name not in journal.pending and journal.held.get(name) == desired.targets.get(name)
