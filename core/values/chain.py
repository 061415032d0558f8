"""Chain: each revision names its parent by digest, so that a history can be verified, and what is not of it found."""

from collections.abc import Iterable, Sequence

from api.context_revision import ContextRevisionSpec, RevisionItem
from core.values.canonical import digest, payload_digest


def digest_of(items: Iterable[RevisionItem]) -> str:
    """Digest of the payload that the items make."""
    return payload_digest({item.name: item.digest for item in items if item.digest})


def chain_digest(revision: ContextRevisionSpec) -> str:
    """Digest over all fields but itself; contents stand in by their digests."""
    wire = revision.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"chain_digest": True, "items": {"__all__": {"content"}}}
    )
    return digest(wire)


def linked(revisions: Sequence[ContextRevisionSpec]) -> list[ContextRevisionSpec]:
    """The revisions that lead to the newest without a gap.

    One that does not was never a commit: its controller was so far behind that the name was free again, because the
    revision that had it before was no longer retained.

    Args:
        revisions: of one context, oldest first.
    """
    chain: list[ContextRevisionSpec] = []
    for revision in reversed(revisions):
        if not chain or chain[-1].parent == revision.chain_digest:
            chain.append(revision)
    return chain[::-1]
