"""One context on this pod's volume: detect, plan, write, report. Here the steps meet; it waits for nothing.

What each step does is in `detection`, `core.site.plan`, `revision_write` (with the order of all durable writes) and
`report`; between two steps a context is in one of the states in `state`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from api.context_replica import SiteState
from api.item import ContextType
from controllers.agent.detection import Detection
from controllers.agent.records import Records
from controllers.agent.report import Report
from controllers.agent.revision_write import RevisionWrite
from controllers.agent.scan import Scanner
from controllers.agent.state import Begun, Compared, State, Uncompared
from core.site.detect import problem
from core.site.intent import intend
from core.site.journal import Journal
from core.site.plan import Desired, Plan, Refusal, first_journal, plan
from core.values import clock
from files.writable_tree import WritableTree

_log = structlog.get_logger(__name__)

REASON_VOLUME_FAILED = "VolumeFailed"
"""The volume is full, read-only or broken: nothing is detected or applied until it works."""


REASON_INTERNAL_ERROR = "InternalError"
"""The agent fails on this context, which is a fault of its own; it tries again, and holds its other contexts."""


@dataclass(frozen=True)
class Origin:
    """Where changes come from, and when."""

    site: str
    """The site without its incarnation, `<cluster>/<pod>`."""
    pod: str
    now_millis: Callable[[], int]
    new_incarnation: Callable[[], str]


class Holding:
    """What this pod holds of one context.

    Every step leaves the volume in a state from which a new instance goes on, also if it is cut short at any write.
    Methods raise OSError where the volume fails (full, read-only, gone); what they do can be repeated.
    """

    def __init__(self, volume: Path, context: str, origin: Origin) -> None:
        self.context = context
        self.awaits_newer = False
        """Whether the newest revision is older than what is held, and may have been delivered late."""
        self._origin = origin
        self._content = volume / context
        self._records = Records(volume, context)
        self._records.prepare()
        tree = WritableTree(self._content)
        self._scanner = Scanner(tree)
        self._write = RevisionWrite(tree, self._records)
        self._report = Report(origin.pod)
        self._detection = Detection(context, self._scanner, self._report, origin.now_millis)
        self._state = _found(self._records)
        """None before the first revision, and once withdrawn."""

    @property
    def context_type(self) -> ContextType | None:
        """The type of what is held; None before the first revision."""
        return self._state.journal.context_type if self._state else None

    def want_inventory(self, *, wanted: bool) -> None:
        """Whether the control plane asks for an inventory: it does not know the revision that is held."""
        self._report.inventory_wanted = wanted

    def detect(self, *, thorough: bool = False, confirmation: str = "") -> SiteState | None:
        """Looks for changes and makes them durable: what to publish, or None before the first revision.

        A revision that is begun is written first: until then its files are neither the old nor the new revision's.

        Args:
            thorough: reads every file, whatever it looks like.
            confirmation: what a person has confirmed, see core.inspection.confirm.
        """
        if self._state is None:
            return None
        if isinstance(self._state, Begun):
            self._state = self._finish(self._state)
        return self._detect(self._state.journal, thorough=thorough, confirmation=confirmation)

    def apply(self, desired: Desired, *, is_newest: bool = True) -> SiteState | None:
        """Brings the files to a revision, after `detect`: what to publish, or None if nothing has changed.

        Args:
            desired: what the API server holds.
            is_newest: whether that is certainly all it has: if not, an older revision than ours is let pass.
        """
        self.awaits_newer = False
        if self._state is None:
            self._join(desired)
        if not isinstance(self._state, Compared):
            return None
        planned = plan(self._state.journal, desired, self._state.scan.present)
        if isinstance(planned, Plan):
            self._report.refusal = None
            self._state = self._begin(self._state, desired, planned)
            return self.detect()
        self.awaits_newer = planned is not None and planned.is_older and not is_newest
        return None if self.awaits_newer else self.refuse(planned)

    def refuse(self, refusal: Refusal | None) -> SiteState | None:
        """The newest revision is not applied, for a reason or for none: what to publish if that has changed."""
        if refusal == self._report.refusal or self._state is None:
            return None
        self._report.refusal = refusal
        return self._report.of(self._state)

    def failed(self, error: Exception) -> SiteState | None:
        """What to publish while steps end in an error: of the volume, or ours; None before the first revision."""
        if self._state is None:
            return None
        if isinstance(error, OSError):
            reason, message = REASON_VOLUME_FAILED, f"{error.strerror}: {error.filename or self._content.name}"
        else:
            reason = REASON_INTERNAL_ERROR
            message = f"{type(error).__name__} in the agent: nothing is detected or applied here; see the agent's log"
        self._report.found = [problem(reason, message)]
        return self._report.of(Uncompared(self._state.journal))

    def withdraw(self) -> None:
        """Sets the files aside: the context is no longer served here."""
        self._records.withdraw(self._content, self._state.journal.base.version if self._state else 0)
        self._state = None

    def _detect(self, journal: Journal, *, thorough: bool = False, confirmation: str = "") -> SiteState:
        self._state = Uncompared(journal)
        seen = self._detection.look(journal, thorough=thorough, confirmation=confirmation)
        if seen.journal is not journal:
            self._write.record(seen.journal)
            _log.info("changes detected", context=self.context, items=_changed(journal, seen.journal))
        self._state = seen
        return self._report.of(seen)

    def _join(self, desired: Desired) -> None:
        """Begins a journal: what is found in the directory is expected to be there, or offered as an addition."""
        present = self._scanner.scan(desired.spec.context_type, thorough=True).present
        incarnation = self._origin.new_incarnation()
        journal = first_journal(f"{self._origin.site}#{incarnation}", incarnation, desired, present)
        self._write.record(journal)
        _log.info("joined", context=self.context, site=journal.site, found=len(present.digests))
        self._detect(journal)

    def _begin(self, compared: Compared, desired: Desired, planned: Plan) -> Begun:
        since = clock.rfc3339(clock.encode(self._origin.now_millis()))
        intent = intend(desired, planned, compared.scan.files, since)
        return self._write.begin(compared.journal, desired, intent)

    def _finish(self, begun: Begun) -> Uncompared:
        self._report.obstructions = []
        finished = self._write.finish(begun)
        self._report.obstructions = finished.obstructions
        return Uncompared(finished.journal)


def _found(records: Records) -> State | None:
    """What the volume says: a revision that was begun goes before everything else."""
    journal = records.journal()
    intent = records.intent() if journal else None
    if journal is None:
        return None
    return Begun(journal, intent, Desired.of(intent.revision)) if intent else Uncompared(journal)


def _changed(before: Journal, after: Journal) -> list[str]:
    return sorted(item for item, change in after.pending.items() if before.pending.get(item) != change)
