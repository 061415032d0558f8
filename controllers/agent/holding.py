"""One context on this pod's volume: its files, its journal, and the steps between them. It waits for nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from api.condition import HALTED
from api.context_replica import Inventory, Problem, SiteState
from api.item import ContextType
from controllers.agent.records import Records
from controllers.agent.scan import Scan, Scanner
from core.inspection.confirm import confirms
from core.site.brake import mass_deletion
from core.site.detect import Present, detect, problem, withhold
from core.site.intent import Found, Intent, ItemStep, file_digest, intend, may_replace, target_files
from core.site.inventory import inventory
from core.site.journal import Journal
from core.site.plan import REASON_RECOVERY_NEEDED, Desired, Plan, Refusal, complete, first_journal, plan
from core.site.state import site_state
from core.values import clock
from files import durable
from files.tree import ObstructedError, Tree

_log = structlog.get_logger(__name__)

REASON_OBSTRUCTED = "Obstructed"
"""Something that is not an item is in the way of one, or a file cannot be read."""

REASON_VOLUME_FAILED = "VolumeFailed"
"""The volume is full, read-only or broken: nothing is detected or applied until it works."""


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
        self._origin = origin
        self._content = volume / context
        self._tree = Tree(self._content)
        self._records = Records(volume, context)
        self._records.prepare()
        self._journal = self._records.journal()
        intent = self._records.intent() if self._journal else None
        self._writing = (intent, Desired.of(intent.revision)) if intent else None
        """What is being written: found here, it was interrupted."""
        self._scanner = Scanner(self._tree, self._journal.context_type) if self._journal else None
        self._scan: Scan | None = None
        """What was found by the last detection; None if there was nothing to compare it with, or it must not count."""
        self._problems: list[Problem] = []
        """Of the last scan."""
        self._refusal: Refusal | None = None
        """Why the newest revision is not applied."""
        self.inventory_wanted = False
        """Whether the control plane asks for an inventory: it does not know the revision that is held."""
        self.awaits_newer = False
        """Whether the newest revision is older than what is held, and may have been delivered late."""
        self._obstructions: list[Problem] = []
        """Why the last write left items as they were."""

    @property
    def context_type(self) -> ContextType | None:
        """The type of what is held; None before the first revision."""
        return self._journal.context_type if self._journal else None

    def detect(self, *, thorough: bool = False, confirmation: str = "") -> SiteState | None:
        """Looks for changes and makes them durable: what to publish, or None before the first revision.

        An interrupted write is finished first: until then its files are neither the old nor the new revision's.

        Args:
            thorough: reads every file, whatever it looks like.
            confirmation: what a person has confirmed, see core.inspection.confirm.
        """
        if self._journal is None or self._scanner is None:
            return None
        if self._writing is not None:
            self._journal = self._write(self._journal, *self._writing)
        return self._detect(self._journal, self._scanner, thorough=thorough, confirmation=confirmation)

    def apply(self, revision: Desired, *, is_newest: bool = True) -> SiteState | None:
        """Brings the files to a revision, after `detect`: what to publish, or None if nothing has changed.

        Args:
            revision: what the API server holds.
            is_newest: whether that is certainly all it has: if not, an older revision than ours is let pass.
        """
        self.awaits_newer = False
        if self._journal is None:
            self._join(revision)
        if self._journal is None or self._scan is None:
            return None
        planned = plan(self._journal, revision, self._scan.present)
        if isinstance(planned, Plan):
            self._refusal = None
            self._begin(revision, planned, self._scan)
            return self.detect()
        self.awaits_newer = planned is not None and planned.is_older and not is_newest
        return None if self.awaits_newer else self.refuse(planned)

    def refuse(self, refusal: Refusal | None) -> SiteState | None:
        """The newest revision is not applied, for a reason or for none: what to publish if that is news."""
        if refusal == self._refusal or self._journal is None:
            return None
        self._refusal = refusal
        return self._state(self._journal, self._scan.present) if self._scan else self._unseen(self._journal)

    def failed(self, error: OSError) -> SiteState | None:
        """What to publish while the volume fails; None before the first revision."""
        if self._journal is None:
            return None
        self._problems = [problem(REASON_VOLUME_FAILED, f"{error.strerror}: {error.filename or self._content.name}")]
        return self._unseen(self._journal)

    def withdraw(self) -> None:
        """Sets the files aside: the context is no longer served here."""
        self._records.withdraw(self._content, self._journal.base.version if self._journal else 0)
        self._journal = self._writing = self._scanner = self._scan = None

    def _detect(self, journal: Journal, scanner: Scanner, *, thorough: bool, confirmation: str = "") -> SiteState:
        self._scan = None
        try:
            scan = scanner.scan(thorough=thorough)
        except ObstructedError as error:
            self._problems = [problem(HALTED, f"{error}: nothing is deleted elsewhere; put the directory back")]
            return self._unseen(journal)
        present, withheld = withhold(journal, scan.present)
        self._problems = [*withheld, *scan.problems]
        vanished = mass_deletion(journal, present)
        if vanished and not confirms(confirmation, self._told(journal, present)):
            self._problems.insert(0, problem(HALTED, self._halted(vanished)))
            return self._told(journal, present)
        self._scan = Scan(present, scan.files, scan.problems)
        detected = detect(journal, present, self._origin.now_millis())
        if detected is not journal:
            self._records.save_journal(detected)
            self._journal = detected
            _log.info("changes detected", context=self.context, items=sorted(_changed(journal, detected)))
        return self._state(detected, present)

    def _join(self, revision: Desired) -> None:
        """Begins a journal: what is found in the directory is expected to be there, or offered as an addition."""
        scanner = Scanner(self._tree, revision.spec.context_type)
        present = scanner.scan(thorough=True).present
        incarnation = self._origin.new_incarnation()
        journal = first_journal(f"{self._origin.site}#{incarnation}", incarnation, revision, present)
        self._records.save_journal(journal)
        self._journal, self._scanner = journal, scanner
        _log.info("joined", context=self.context, site=journal.site, found=len(present.digests))
        self._detect(journal, scanner, thorough=False)

    def _begin(self, revision: Desired, planned: Plan, scan: Scan) -> None:
        since = clock.rfc3339(clock.encode(self._origin.now_millis()))
        intent = intend(revision, planned, scan.files, since)
        self._records.save_intent(intent)
        self._writing = (intent, revision)

    def _write(self, journal: Journal, intent: Intent, revision: Desired) -> Journal:
        """Carries out an intent, from its beginning or from wherever it was interrupted."""
        if journal.base.chain_digest == revision.spec.chain_digest:
            # It had been carried out when the interruption came: what has changed since is somebody's edit.
            settled = {item for item, held in journal.held.items() if held == revision.targets.get(item)}
            left = [step for step in intent.steps if step.item in journal.pending or step.item not in settled]
            intent = intent.model_copy(update={"steps": left})
        self._tree.make(revision.spec.context_type)
        self._obstructions = []
        kept = {step.item for step in intent.steps if not self._replace(revision, intent, step)}
        self._tree.sync(file.path for step in intent.steps for file in step.files)
        completed = complete(journal, revision, kept | set(intent.kept))
        self._records.save_journal(completed)
        self._records.save_applied(revision)
        self._records.drop_intent()
        self._writing = None
        counts = {"written": len(intent.steps) - len(kept), "kept": len(kept | set(intent.kept))}
        _log.info("applied", context=self.context, version=revision.spec.version, **counts)
        return completed

    def _replace(self, revision: Desired, intent: Intent, step: ItemStep) -> bool:
        """Compare-and-replace of an item's files: whether the item is now the revision's."""
        try:
            staged = self._stage(revision, step)
            found = {file.path: self._tree.read(file.path) for file in step.files}
            digests = {path: file_digest(file) for path, file in found.items() if file}
            if not may_replace(step, digests):
                return False
            for file in step.files:
                if file.compare(digests.get(file.path)) is Found.DONE:
                    continue
                if step.unique and (lost := found[file.path]):
                    self._records.rescue(intent.since, file.path, lost.data)
                if file.after is None:
                    self._tree.remove(file.path)
                else:
                    self._tree.replace(staged[file.path], file.path)
        except ObstructedError as error:
            self._obstructions.append(problem(REASON_OBSTRUCTED, str(error), step.item))
            return False
        return True

    def _stage(self, revision: Desired, step: ItemStep) -> dict[str, Path]:
        """New files, durable, ready for their rename, by the path that they are for."""
        targets = target_files(revision, step.item)
        changed = [file.path for file in step.files if file.after is not None and file.before != file.after]
        staged = {path: self._records.stage / str(index) for index, path in enumerate(changed)}
        for path, place in staged.items():
            durable.stage(place, targets[path].data, 0o755 if targets[path].executable else 0o644)
        return staged

    def _state(self, journal: Journal, present: Present) -> SiteState:
        """What to publish: with an inventory while the control plane lacks something that was applied here."""
        is_older = self._refusal is not None and self._refusal.reason == REASON_RECOVERY_NEEDED
        needed = is_older or self.inventory_wanted
        return self._told(journal, present, inventory(journal, present) if needed else None)

    def _told(self, journal: Journal, present: Present, held: Inventory | None = None) -> SiteState:
        return site_state(journal, self._origin.pod, present, self._all_problems(), held)

    def _unseen(self, journal: Journal) -> SiteState:
        """What to publish while nobody can tell what is held."""
        return self._told(journal, Present({}, {})).model_copy(update={"digest": None})

    def _all_problems(self) -> list[Problem]:
        refusal = [problem(self._refusal.reason, self._refusal.message)] if self._refusal else []
        found = [*refusal, *self._obstructions, *self._problems]
        return sorted(found, key=lambda one: one.reason != HALTED)  # what stops everything is told first

    def _halted(self, vanished: list[str]) -> str:
        return (
            f"{len(vanished)} items of context {self.context!r} vanished at once, {vanished[0]!r} among them: nothing "
            "more is published or written here until the files are back, or `mcpfed confirm` says that they are to go"
        )


def _changed(before: Journal, after: Journal) -> set[str]:
    return {item for item, change in after.pending.items() if before.pending.get(item) != change}
