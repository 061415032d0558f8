"""commit: a merged state becomes the next revision; revisions form a hash chain."""

from api.context_revision import ContextRevisionSpec, Declared
from core.hub.merge import Merge
from core.values import clock
from core.values.chain import chain_digest, digest_of


def next_revision(
    context: str,
    head: ContextRevisionSpec | None,
    merged: Merge,
    declared: Declared,
    now_millis: int,
    number: tuple[int, int] | None = None,
) -> ContextRevisionSpec:
    """The revision after `head` that holds the merged state and has taken in the declaration.

    `number` is its epoch and version where they do not just count on, after a recovery.
    """
    following = (head.epoch, head.version + 1) if head else (0, 1)
    epoch, version = number or following
    hlc = clock.tick(clock.latest([head.hlc if head else clock.ZERO, *merged.vector.values()]), now_millis)
    items = [merged.items[name] for name in sorted(merged.items)]
    unchained = ContextRevisionSpec(
        context=context,
        epoch=epoch,
        version=version,
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


_NO_DIGEST = "sha256:" + "0" * 64
