"""What must always hold, by name, and how a breach of it is reported."""

from enum import StrEnum


class Invariant(StrEnum):
    """The invariants of the protocol; the value says what each promises."""

    I1_ORDER = "revisions count on without a gap in a hash chain, and no site goes back to an older one"
    I2_NO_LOSS = "every edit is in the head, was overwritten by somebody who had seen it, or is a recorded loser"
    I3_CONVERGENCE = "when edits stop and links heal, every replica equals the head"
    I4_EXACTLY_ONCE = "each change is taken in once: delivering it again makes no revision"
    I5_NO_RESURRECTION = "a value never returns after a writer who had seen it replaced it"
    I6_READ_YOUR_WRITES = "a local edit stays where it was made until it is decided"
    I7_NO_ECHO = "a system at rest writes nothing"
    I8_ATOMIC = "a site holds one whole revision, save for its own edits and while its intent says otherwise"
    I9_RECOVERY = "what a live member holds survives the restoration of the control plane"
    I10_ONE_HISTORY = "a version is committed once, whoever and however many commit"
    I11_NO_PHANTOM = "only what a writer wrote is proposed as that writer's change"
    I12_NO_STALE_AS_NEW = "old content is never given a new dot"


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: Invariant, what: str) -> None:
        super().__init__(invariant, what)  # both, so that it can be sent from one process to another
        self.invariant = invariant
        self.what = what

    def __str__(self) -> str:
        return f"{self.invariant.name}: {self.what}"


def require(condition: bool, invariant: Invariant, what: str) -> None:
    """Raises Violation unless the condition holds."""
    if not condition:
        raise Violation(invariant, what)
