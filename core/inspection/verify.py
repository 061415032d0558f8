"""Verify: is a history what the controllers committed? Needs nothing but the revisions themselves.

Every digest is computed anew, and each revision must follow from the one before. Whoever rewrites a whole history can
make it consistent again; the anchors, digests that members hold, show that too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from api.context_revision import ContextRevisionSpec, RevisionItem
from core.values.canonical import content_digest
from core.values.chain import chain_digest, digest_of
from core.values.version_vector import dominates


@dataclass(frozen=True)
class Flaw:
    """Something that is not as it was committed."""

    version: int
    message: str


@dataclass(frozen=True)
class Anchor:
    """What somebody outside of the history knows of a revision."""

    witness: str
    """Who knows it, such as a site."""
    version: int
    chain_digest: str


def verify(revisions: Iterable[ContextRevisionSpec]) -> list[Flaw]:
    """All flaws of the retained revisions of one context, given in any order; empty if there is none."""
    history = sorted(revisions, key=lambda revision: revision.version)
    found = [flaw for revision in history for flaw in revision_flaws(revision)]
    if history and (history[0].parent is None) != _is_origin(history[0]):
        found.append(Flaw(history[0].version, "only a first revision has no parent"))
    found += [flaw for before, after in pairwise(history) for flaw in _link_flaws(before, after)]
    return sorted(found, key=lambda flaw: flaw.version)


def revision_flaws(revision: ContextRevisionSpec) -> list[Flaw]:
    """What is wrong with a revision by itself."""
    messages = [message for item in revision.items for message in _item_flaws(item)]
    if digest_of(revision.items) != revision.digest:
        messages.append("digest is not that of its items")
    if chain_digest(revision) != revision.chain_digest:
        messages.append("chainDigest is not that of its fields: something in it was changed")
    if any(hlc > revision.hlc for hlc in revision.version_vector.values()):
        messages.append("hlc is before a change that it has taken in")
    return [Flaw(revision.version, message) for message in messages]


def anchor_flaws(history: Sequence[ContextRevisionSpec], anchors: Iterable[Anchor]) -> list[Flaw]:
    """Where the history is not the one that others have seen; what is no longer retained is not compared.

    Args:
        history: retained revisions, oldest first, read after the anchors: nobody is ahead of them then.
        anchors: what others have seen.
    """
    known = {revision.version: revision.chain_digest for revision in history}
    newest = max(known, default=0)
    found: list[Flaw] = []
    for anchor in anchors:
        if anchor.version > newest:
            missing = f"{anchor.witness} holds this version, which is missing here: the newest is {newest}"
            found.append(Flaw(anchor.version, missing))
        elif known.get(anchor.version, anchor.chain_digest) != anchor.chain_digest:
            other = f"{anchor.witness} holds this version with another chainDigest, {anchor.chain_digest}"
            found.append(Flaw(anchor.version, other))
    return found


def _is_origin(revision: ContextRevisionSpec) -> bool:
    """Whether nothing came before it; a store that was emptied goes on past what members hold, in a new epoch."""
    return revision.version == 1 or (revision.epoch > 0 and revision.parent is None)


def _item_flaws(item: RevisionItem) -> list[str]:
    if item.deleted:
        whole = item.content is None and item.digest is None
        return [] if whole else [f"item {item.name}: deleted, yet it has content or digest"]
    if item.content is None:
        return [f"item {item.name}: its content is missing"]
    return [] if content_digest(item.content) == item.digest else [f"item {item.name}: digest is not its content's"]


def _link_flaws(before: ContextRevisionSpec, after: ContextRevisionSpec) -> list[Flaw]:
    messages: list[str] = []
    if after.context != before.context:
        messages.append(f"is of context {after.context}, the one before of {before.context}")
    if after.version != before.version + 1 and after.epoch == before.epoch:
        messages.append(f"follows version {before.version}")
    if after.parent != before.chain_digest:
        messages.append(f"parent is not the chainDigest of version {before.version}")
    if after.epoch < before.epoch:
        messages.append(f"epoch {after.epoch} comes after epoch {before.epoch}")
    if after.hlc <= before.hlc:
        messages.append(f"hlc is not after that of version {before.version}")
    if after.epoch == before.epoch and not dominates(after.version_vector, before.version_vector):
        messages.append(f"versionVector lacks changes of version {before.version}")
    return [Flaw(after.version, message) for message in messages]
