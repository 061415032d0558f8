"""commit: a merged state becomes the next revision; revisions form a hash chain."""

from collections.abc import Iterable

from api.context_revision import ContextRevisionSpec, Declared, RevisionItem
from core import clock
from core.canonical import digest, payload_digest
from core.merge import Merge


def next_revision(
    context: str, head: ContextRevisionSpec | None, merged: Merge, declared: Declared, now_millis: int
) -> ContextRevisionSpec:
    """The revision after `head` that holds the merged state and has taken in the declaration."""
    hlc = clock.tick(clock.latest([head.hlc if head else clock.ZERO, *merged.vector.values()]), now_millis)
    items = [merged.items[name] for name in sorted(merged.items)]
    unchained = ContextRevisionSpec(
        context=context,
        epoch=head.epoch if head else 0,
        version=head.version + 1 if head else 1,
        parent=head.chain_digest if head else None,
        digest=digest_of(items),
        chain_digest=_NO_DIGEST,
        timestamp=clock.rfc3339(clock.encode(now_millis)),
        hlc=hlc,
        version_vector=merged.vector,
        items=items,
        cause=merged.cause,
        conflicts=merged.conflicts,
        declared=declared,
    )
    return unchained.model_copy(update={"chain_digest": chain_digest(unchained)})


def unchanged(head: ContextRevisionSpec | None) -> Merge:
    """The head's state, for a commit that only takes in a declaration."""
    return Merge({item.name: item for item in head.items} if head else {}, dict(head.version_vector) if head else {})


def digest_of(items: Iterable[RevisionItem]) -> str:
    """Digest of the payload that the items make."""
    return payload_digest({item.name: item.digest for item in items if item.digest})


def chain_digest(revision: ContextRevisionSpec) -> str:
    """Digest over all fields but itself; contents stand in by their digests."""
    wire = revision.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"chain_digest": True, "items": {"__all__": {"content"}}}
    )
    return digest(wire)


_NO_DIGEST = "sha256:" + "0" * 64
