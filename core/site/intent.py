"""Intent: the write-ahead record of applying a revision, file by file, so that a crash in its middle is harmless.

An item may be several files, which no rename replaces at once. The intent says of every file what it was and what
it will be; whatever is neither was written by somebody else. Carrying it out again, at any time, does nothing twice.
"""

import hashlib
from collections.abc import Iterable, Mapping
from enum import Enum

from pydantic import Field

from api.dot import Digest
from api.item import ItemName
from api.mcp_context import MCPContextSpec
from api.model import Model
from core.site.directory import File, render
from core.site.plan import Desired, Plan


class Found(Enum):
    """What compare-and-replace finds in the place of a file."""

    DONE = "done"
    """What is to be: written before a crash, or the same by chance."""
    EXPECTED = "expected"
    """What was there when the write was planned: replace it."""
    CHANGED = "changed"
    """Something else, written by somebody meanwhile: keep it."""


class FileStep(Model):
    """One file to replace or remove."""

    path: str
    """Relative to the context's directory."""
    before: Digest | None = None
    """Digest of the file expected; absent if there is none."""
    after: Digest | None = None
    """Digest of the file to be; absent if it is to be removed."""

    def compare(self, now: str | None) -> Found:
        """The decision of compare-and-replace, from the digest of the file that is there now."""
        if now == self.after:
            return Found.DONE
        return Found.EXPECTED if now == self.before else Found.CHANGED


class ItemStep(Model):
    """All files of one item: replaced together or not at all."""

    item: ItemName
    files: list[FileStep]
    unique: bool = False
    """Whether copies of the files found must be saved first."""


class Intent(Model):
    """A revision being written."""

    revision: MCPContextSpec
    since: str
    """When it began (RFC 3339)."""
    kept: list[ItemName] = Field(default_factory=list[ItemName])
    steps: list[ItemStep] = Field(default_factory=list[ItemStep])


def file_digest(file: File) -> str:
    """Digest of a file: its bytes, and whether it is executable."""
    return "sha256:" + hashlib.sha256((b"x" if file.executable else b"-") + file.data).hexdigest()


def intend(desired: Desired, plan: Plan, stored: Mapping[str, Mapping[str, str]], since: str) -> Intent:
    """The intent to carry out a plan.

    Args:
        desired: what is to be applied.
        plan: how.
        stored: digest of each file by path, for each item, as they were when the plan was made.
        since: now, RFC 3339.
    """
    steps: list[ItemStep] = []
    for write in plan.writes:
        wanted = {path: file_digest(file) for path, file in target_files(desired, write.item).items()}
        files = _file_steps(stored.get(write.item, {}), wanted)
        steps.append(ItemStep(item=write.item, files=files, unique=write.unique))
    return Intent(revision=desired.spec, since=since, kept=sorted(plan.kept), steps=steps)


def target_files(desired: Desired, item: str) -> dict[str, File]:
    """The files of an item in a revision, by path; none if it is not in there."""
    content = desired.contents.get(item)
    return render(desired.spec.context_type, item, content) if content else {}


def may_replace(step: ItemStep, now: Mapping[str, str]) -> bool:
    """Whether an item's files are all as expected or done; `now` has the digest of each file that is there."""
    return all(file.compare(now.get(file.path)) is not Found.CHANGED for file in step.files)


def _file_steps(stored: Mapping[str, str], wanted: Mapping[str, str]) -> list[FileStep]:
    paths: Iterable[str] = sorted({*stored, *wanted}, key=lambda path: (path in wanted, path))
    return [FileStep(path=path, before=stored.get(path), after=wanted.get(path)) for path in paths]
