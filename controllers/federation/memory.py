"""What an instance of the controller remembers of a context from one reconcile to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.context_revision import ContextRevisionSpec


@dataclass(frozen=True)
class Memory:
    """What an instance remembers of one context: a store that lacks it was restored from a backup."""

    incarnation: str
    seen: ContextRevisionSpec | None

    def is_lost_from(self, history: Sequence[ContextRevisionSpec]) -> bool:
        """Whether the revision last seen should be in the history and is not."""
        if self.seen is None:
            return False
        if not history:
            return True
        known = any(revision.chain_digest == self.seen.chain_digest for revision in history)
        return not known and self.seen.version >= history[0].version
