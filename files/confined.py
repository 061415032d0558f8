"""Ways into a directory that no symbolic link leads out of: every step is opened from the one before, by its name."""

import errno
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags that open a directory, and nothing else."""
NOT_A_FILE: Final = "not a regular file"

_REASONS: Final = {errno.ELOOP: "a symbolic link: put the file itself here", errno.ENXIO: NOT_A_FILE}
_IN_THE_WAY: Final = {errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST}


class ObstructedError(Exception):
    """Something in the way of a file that is not ours to replace: a link, a directory, a device, or too large."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def parts_of(path: str) -> list[str]:
    """The components of a path.

    Raises:
        ObstructedError: it could lead out of a directory.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ObstructedError(repr(path), "not a path inside the context directory")
    return parts


@contextmanager
def directory(root: Path, parts: Sequence[str], *, create: bool = False) -> Generator[int]:
    """The descriptor of a directory below `root`, open in the block.

    Raises:
        ObstructedError: something on the way is no directory.
        FileNotFoundError: there is none, and it is not to be created.
    """
    if create:
        root.mkdir(exist_ok=True)
    with obstructed(root.name):
        here = os.open(root, DIRECTORY)
    try:
        for part in parts:
            below = _enter(here, part, create=create)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


@contextmanager
def obstructed(path: str) -> Generator[None]:
    """Raises ObstructedError for the failures in the block that something in the way of `path` causes."""
    try:
        yield
    except OSError as error:
        if error.errno in _REASONS:
            raise ObstructedError(path, _REASONS[error.errno]) from error
        if error.errno in _IN_THE_WAY:
            reason = f"a link, a file or a directory is in the way ({error.strerror})"
            raise ObstructedError(path, reason) from error
        raise


def _enter(parent: int, name: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=parent)
    with obstructed(name):
        return os.open(name, DIRECTORY, dir_fd=parent)
