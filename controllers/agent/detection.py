"""Detection: what a look at a context directory comes to. The state that it ends in says what may be done next."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from api.condition import HALTED
from controllers.agent.report import Report
from controllers.agent.scan import Scanner
from controllers.agent.state import Compared, Halted, Uncompared
from core.inspection.confirm import confirms
from core.site.brake import mass_deletion
from core.site.detect import detect, problem, withhold
from core.site.journal import Journal
from files.confined import ObstructedError


@dataclass(frozen=True)
class Detection:
    """Of one context."""

    context: str
    scanner: Scanner
    report: Report
    now_millis: Callable[[], int]
    """Dates what is found."""

    def look(self, journal: Journal, *, thorough: bool, confirmation: str) -> Uncompared | Halted | Compared:
        """Compares the directory with the journal, and leaves in the report what a person must look at.

        Raises:
            OSError: the volume cannot be read.
        """
        try:
            scan = self.scanner.scan(journal.context_type, thorough=thorough)
        except ObstructedError as error:
            self.report.found = [problem(HALTED, f"{error}: nothing is deleted elsewhere; put the directory back")]
            return Uncompared(journal)
        present, withheld = withhold(journal, scan.present)
        self.report.found = [*withheld, *scan.problems]
        halted, vanished = Halted(journal, present), mass_deletion(journal, present)
        if vanished and not confirms(confirmation, self.report.of(halted)):
            self.report.found.insert(0, problem(HALTED, self._halted(vanished)))
            return halted
        return Compared(detect(journal, present, self.now_millis()), replace(scan, present=present))

    def _halted(self, vanished: list[str]) -> str:
        return (
            f"{len(vanished)} items of context {self.context!r} vanished at once, {vanished[0]!r} among them: nothing "
            "more is published or written here until the files are back, or `mcpfed confirm` says that they are to go"
        )
