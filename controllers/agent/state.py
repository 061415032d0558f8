"""The states of a context that has a journal. Which one it is in says what may be done, and what is reported."""

from dataclasses import dataclass
from typing import TypeAlias

from controllers.agent.scan import Scan
from core.site.detect import Present
from core.site.intent import Intent
from core.site.journal import Journal
from core.site.plan import Desired


@dataclass(frozen=True)
class Uncompared:
    """Nobody knows what is in the directory: it was not looked at yet, or cannot be read. Only a look helps."""

    journal: Journal


@dataclass(frozen=True)
class Halted:
    """So many items have vanished at once that a person must confirm it: no change is detected, nothing applied."""

    journal: Journal
    present: Present


@dataclass(frozen=True)
class Compared:
    """The directory is as the journal says, changes included: a revision may be applied."""

    journal: Journal
    scan: Scan


@dataclass(frozen=True)
class Begun:
    """A revision is being written, its intent is durable: that is finished before anything else."""

    journal: Journal
    """As it was when the write was planned."""
    intent: Intent
    desired: Desired


State: TypeAlias = Uncompared | Halted | Compared | Begun
