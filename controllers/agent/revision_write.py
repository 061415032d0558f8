"""The crash order of applying: the durable writes, in their order. RevisionWrite makes them from top to bottom.

1. the journal, with a change for every item that somebody has edited: nothing replaces what is not in there;
2. the intent: what every file was, and what it is to be. From now on the MCP server waits for the whole revision;
3. item by item: the new files, under other names; a copy of what no revision holds; each file renamed or removed, if
   all files of its item are as the intent says;
4. the directories: the new names are durable now, and the removed ones gone;
5. the journal, with the revision as its base;
6. `applied.json`, which says what the MCP server serves;
7. the intent is removed.

A crash or a failure of the volume before 2 leaves nothing begun. After it the intent is found, and `finish` carries it
out from its beginning, before the files are looked at for changes: until then they are neither the old nor the new
revision's. Nothing is done twice, because a file that is as it is to be stays. After 5, a file that differs from the
revision is somebody's edit.
"""

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from api.context_replica import Problem
from controllers.agent.records import Records
from controllers.agent.state import Begun
from core.site.detect import problem
from core.site.intent import Found, Intent, ItemStep, file_digest, may_replace, target_files
from core.site.journal import Journal
from core.site.plan import Desired, complete
from files import durable
from files.confined import ObstructedError
from files.writable_tree import WritableTree

_log = structlog.get_logger(__name__)

REASON_OBSTRUCTED = "Obstructed"
"""Something that is not an item is in the way of one, or a file cannot be read."""


@dataclass(frozen=True)
class Finished:
    """A revision that is written."""

    journal: Journal
    """With the revision as its base."""
    obstructions: list[Problem]
    """Why items were left as they were."""


class RevisionWrite:
    """The durable writes of one context. Methods raise OSError where the volume fails; they can be repeated."""

    def __init__(self, tree: WritableTree, records: Records) -> None:
        self._tree = tree
        self._records = records

    def record(self, journal: Journal) -> None:
        """Makes changes durable, before anything is planned that could replace them."""
        self._records.save_journal(journal)

    def begin(self, journal: Journal, desired: Desired, intent: Intent) -> Begun:
        """Makes an intent durable."""
        self._records.save_intent(intent)
        return Begun(journal, intent, desired)

    def finish(self, begun: Begun) -> Finished:
        """Carries out an intent, from its beginning or from wherever it was interrupted."""
        desired, steps = begun.desired, _left(begun)
        self._tree.make(desired.spec.context_type)
        replacing = _Replacing(self._tree, self._records, desired, begun.intent.since)
        kept = {step.item for step in steps if not replacing.replace(step)} | set(begun.intent.kept)
        self._tree.sync(file.path for step in steps for file in step.files)
        journal = complete(begun.journal, desired, kept)
        self._records.save_journal(journal)
        self._records.save_applied(desired)
        self._records.drop_intent()
        counts = {"written": len({step.item for step in steps} - kept), "kept": len(kept)}
        _log.info("applied", context=self._records.context, version=desired.spec.version, **counts)
        return Finished(journal, replacing.obstructions)


@dataclass
class _Replacing:
    """Compare-and-replace of items."""

    tree: WritableTree
    records: Records
    desired: Desired
    since: str
    obstructions: list[Problem] = field(default_factory=list[Problem])

    def replace(self, step: ItemStep) -> bool:
        """Whether the item is now the revision's: not if somebody has changed it, or something is in the way."""
        try:
            return self._replace(step)
        except ObstructedError as error:
            self.obstructions.append(problem(REASON_OBSTRUCTED, str(error), step.item))
            return False

    def _replace(self, step: ItemStep) -> bool:
        staged = self._stage(step)
        found = {file.path: self.tree.read(file.path) for file in step.files}
        digests = {path: file_digest(file) for path, file in found.items() if file}
        if not may_replace(step, digests):
            return False
        for file in step.files:
            if file.compare(digests.get(file.path)) is Found.DONE:
                continue
            if step.unique and (lost := found[file.path]):
                self.records.rescue(self.since, file.path, lost.data)
            if file.after is None:
                self.tree.remove(file.path)
            else:
                self.tree.replace(staged[file.path], file.path)
        return True

    def _stage(self, step: ItemStep) -> dict[str, Path]:
        """New files, durable, ready for their rename, by the path that they are for."""
        targets = target_files(self.desired, step.item)
        changed = [file.path for file in step.files if file.after is not None and file.before != file.after]
        staged = {path: self.records.stage / str(index) for index, path in enumerate(changed)}
        for path, place in staged.items():
            durable.stage(place, targets[path].data, 0o755 if targets[path].executable else 0o644)
        return staged


def _left(begun: Begun) -> list[ItemStep]:
    """The steps that are not known to have been carried out before an interruption."""
    journal, desired, steps = begun.journal, begun.desired, begun.intent.steps
    if journal.base.chain_digest != desired.spec.chain_digest:
        return steps
    # The journal is completed, or was planned on this very base: what differs from a settled item is somebody's edit.
    settled = {item for item, held in journal.held.items() if held == desired.targets.get(item)}
    return [step for step in steps if step.item in journal.pending or step.item not in settled]
