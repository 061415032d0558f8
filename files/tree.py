"""Reading the files below one directory, which no symbolic link leads out of: for the agent and for the MCP server."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from core.site.directory import File
from files.confined import DIRECTORY, NOT_A_FILE, ObstructedError, directory, obstructed, parts_of

MAX_DEPTH: Final = 32
"""Levels of folders that are gone down; a folder below them is given as it is, and cannot be read as a file."""
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
"""Larger than any file of an item can be."""
# A named pipe must not block us: it is opened, seen not to be a regular file, and refused.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Fingerprint(NamedTuple):
    """What changes when a file does; good for skipping a read, never for deciding that a file is unchanged for good."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    mode: int


class Tree:
    """One directory; paths are POSIX, relative to it, and have no empty, `.` or `..` component."""

    def __init__(self, root: Path, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        """Nothing is opened yet.

        Args:
            root: the directory; it need not exist.
            max_file_bytes: a larger file is not read.
        """
        self._root = root
        self._max_file_bytes = max_file_bytes

    def files(self, folder: str) -> Iterator[tuple[str, Fingerprint]]:
        """Everything below a folder that is not a directory, hidden names left out; nothing if there is no folder.

        What cannot be gone into, because it is too deep or its name is not text, is given in its place.

        Raises:
            ObstructedError: the folder, or the root, is not a directory.
        """
        try:
            with directory(self._root, parts_of(folder)) as found:
                yield from _walk(found, folder, MAX_DEPTH)
        except FileNotFoundError:
            return

    def read(self, path: str) -> File | None:
        """The file, or None if there is none.

        Raises:
            ObstructedError: there is something else, or it is too large.
        """
        *parents, name = parts_of(path)
        try:
            with directory(self._root, parents) as parent, obstructed(path):
                return _read(os.open(name, _FILE, dir_fd=parent), path, self._max_file_bytes)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise ObstructedError(path, str(error.strerror)) from error


def _walk(descriptor: int, prefix: str, levels: int) -> Iterator[tuple[str, Fingerprint]]:
    with os.scandir(descriptor) as entries:
        found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in found:
        name = _text(entry.name)
        path = f"{prefix}/{name}"
        try:
            status = os.stat(entry.name, dir_fd=descriptor, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode) or name != entry.name or not levels:
                yield path, _fingerprint(status)
                continue
            below = os.open(entry.name, DIRECTORY, dir_fd=descriptor)
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone since it was listed: the event of that wakes us again
        try:
            yield from _walk(below, path, levels - 1)
        finally:
            os.close(below)


def _text(name: str) -> str:
    """A name as it can be reported: bytes that are not UTF-8 as escapes, with which no item's name agrees."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _read(descriptor: int, path: str, max_bytes: int) -> File:
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ObstructedError(path, NOT_A_FILE)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        size = max(status.st_size, len(data))
        raise ObstructedError(path, f"{size} bytes: an item's file has at most {max_bytes}")
    return File(data, executable=bool(status.st_mode & stat.S_IXUSR))


def _fingerprint(status: os.stat_result) -> Fingerprint:
    return Fingerprint(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)
