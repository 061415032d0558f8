"""What a volume holds: the contexts that were applied, and their files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from api.dot import Digest
from api.item import ContextType
from api.mcp_context import LocalRule
from api.model import Extensible
from core.site.bookkeeping import APPLIED, BOOKKEEPING, INTENT
from core.site.directory import File, FileProblem
from core.site.item_paths import item_of
from files.confined import ObstructedError
from files.tree import Tree

MAX_FILE_BYTES: Final = 1024 * 1024
"""More than the files of any item need; larger ones are not read."""
_BOOKKEEPING: Final = BOOKKEEPING.split("/")


class Applied(Extensible):
    """The revision last applied, as the agent wrote it down."""

    context_type: ContextType
    version: int
    local_items: list[LocalRule] | None = None
    seeds: dict[str, Digest] = Field(default_factory=dict[str, Digest])
    """Content digest of each local item that the revision holds."""


@dataclass(frozen=True)
class Snapshot:
    """The files of a context at one moment."""

    applied: Applied
    files: dict[str, File]
    problems: list[FileProblem]
    """Files that were not read."""


class UnreadableContextError(Exception):
    """A context whose bookkeeping cannot be understood."""


def contexts(volume: Path) -> list[str]:
    """Names of all contexts that have bookkeeping, sorted."""
    try:
        return sorted(entry.name for entry in os.scandir(volume / BOOKKEEPING) if entry.is_dir())
    except FileNotFoundError:
        return []


def context_of(volume: Path, path: Path) -> str | None:
    """The context that a changed path is about; None if the change is nothing to a reader."""
    match path.relative_to(volume).parts:
        case (*start, context, file) if start == _BOOKKEEPING and file in (APPLIED, INTENT):
            return context
        case (*start, context) if start == _BOOKKEEPING:
            return context
        case (context, *_) if not context.startswith("."):
            return context
        case _:
            return None


def being_written(volume: Path, context: str) -> bool:
    """Whether somebody is in the middle of writing a revision."""
    return (volume / BOOKKEEPING / context / INTENT).exists()


def read(volume: Path, context: str) -> Snapshot | None:
    """A context's files; None if no revision of it was applied.

    Raises:
        UnreadableContextError: what was applied is not understood, or its directory is not one.
        OSError: the volume cannot be read.
    """
    path = volume / BOOKKEEPING / context / APPLIED
    try:
        applied = Applied.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise UnreadableContextError(f"{path}: {error.errors()[0]['msg']}") from error
    try:
        return _snapshot(applied, Tree(volume / context, MAX_FILE_BYTES))
    except ObstructedError as error:
        raise UnreadableContextError(f"{context}: {error}") from error


def _snapshot(applied: Applied, tree: Tree) -> Snapshot:
    snapshot = Snapshot(applied, {}, [])
    for path, _ in tree.files(applied.context_type):
        try:
            if (file := tree.read(path)) is not None:
                snapshot.files[path] = file
        except ObstructedError as error:
            if (item := item_of(applied.context_type, path)) is not None:
                snapshot.problems.append(FileProblem(item, path, None, error.reason))
    return snapshot
