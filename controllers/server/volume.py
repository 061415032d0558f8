"""What a volume holds: the contexts that were applied, and their files."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from api.dot import Digest
from api.item import ContextType
from api.mcp_context import LocalRule
from api.model import Extensible
from core.site.directory import APPLIED, BOOKKEEPING, INTENT, File, FileProblem, item_of

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
        UnreadableContextError: what was applied is not understood.
        OSError: the volume cannot be read.
    """
    path = volume / BOOKKEEPING / context / APPLIED
    try:
        applied = Applied.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise UnreadableContextError(f"{path}: {error.errors()[0]['msg']}") from error
    files: dict[str, File] = {}
    problems: list[FileProblem] = []
    root = volume / context
    for name in _walk(root / applied.context_type):
        relative = name.relative_to(root).as_posix()
        item = item_of(applied.context_type, relative)
        found = _read(name)
        if isinstance(found, File):
            files[relative] = found
        elif found is not None and item is not None:
            problems.append(FileProblem(item, relative, None, found))
    return Snapshot(applied, files, problems)


def _walk(folder: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(folder):
        for name in names:
            yield Path(directory, name)


def _read(path: Path) -> File | str | None:
    """The file, why it is not read, or None if it has just gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return "a symbolic link: put the file itself here" if path.is_symlink() else str(error.strerror)
    with open(descriptor, "rb") as file:  # noqa: PTH123  a descriptor has no path
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return "not a regular file"
        if status.st_size > MAX_FILE_BYTES:
            return f"{status.st_size} bytes: an item's file has at most {MAX_FILE_BYTES}"
        return File(file.read(MAX_FILE_BYTES + 1), executable=bool(status.st_mode & stat.S_IXUSR))
