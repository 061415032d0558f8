"""Detection: what has changed in a context directory since its journal, or why nobody knows."""

from dataclasses import dataclass, replace

from api.condition import HALTED
from api.context_replica import Problem
from controllers.agent.scan import Scan, Scanner
from core.site.brake import mass_deletion
from core.site.detect import detect, problem, withhold
from core.site.journal import Journal
from files.confined import ObstructedError


@dataclass(frozen=True)
class Uncompared:
    """What is in the directory does not count: it was not looked at yet, or cannot be read as a whole."""

    journal: Journal


@dataclass(frozen=True)
class Compared:
    """What is in the directory is as the journal says, or is a change in the journal: a revision may be applied."""

    journal: Journal
    scan: Scan


@dataclass(frozen=True)
class Look:
    """What one look at a directory has found."""

    scan: Scan | None
    """None if there is no directory that can be read."""
    problems: list[Problem]
    vanished: list[str]
    """Items that vanished at once, so many that a person must confirm it."""


def look(journal: Journal, scanner: Scanner, *, thorough: bool) -> Look:
    """Reads the directory and judges what it holds, without the changes that would break an MCP list."""
    try:
        scan = scanner.scan(journal.context_type, thorough=thorough)
    except ObstructedError as error:
        return Look(None, [problem(HALTED, f"{error}: nothing is deleted elsewhere; put the directory back")], [])
    present, withheld = withhold(journal, scan.present)
    return Look(replace(scan, present=present), [*withheld, *scan.problems], mass_deletion(journal, present))


def halted(context: str, vanished: list[str]) -> Problem:
    """What a person must decide about a mass deletion."""
    message = (
        f"{len(vanished)} items of context {context!r} vanished at once, {vanished[0]!r} among them: nothing "
        "more is published or written here until the files are back, or `mcpfed confirm` says that they are to go"
    )
    return problem(HALTED, message)


def compare(journal: Journal, scan: Scan, now_millis: int) -> Compared:
    """The journal with a change for every item that is not as expected; the same journal if there is none."""
    return Compared(detect(journal, scan.present, now_millis), scan)


def changed_items(before: Journal, after: Journal) -> list[str]:
    """Names of the items with another change than before, sorted."""
    return sorted(item for item, change in after.pending.items() if before.pending.get(item) != change)
