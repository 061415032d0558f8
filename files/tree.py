"""Files below one directory, reached without ever following a symbolic link, so that no path leads out of it."""

import errno
import os
import stat
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from core.site.directory import File

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Larger than any file of an item can be: a larger one is not read into memory."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A named pipe must not block us: it is opened, seen not to be a regular file, and refused.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_IN_THE_WAY = {errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST, errno.ENXIO}


class ObstructedError(Exception):
    """Something in the way of a file that is not ours to replace: a link, a directory, a device, or too large."""


class Fingerprint(NamedTuple):
    """What changes when a file does; good for skipping a read, never for deciding that a file is unchanged for good."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    mode: int


class Tree:
    """One directory; paths are POSIX, relative to it, and have no empty, `.` or `..` component."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self, folder: str) -> Iterator[tuple[str, Fingerprint]]:
        """Everything below a folder that is not a directory, hidden names left out; nothing if there is no folder."""
        try:
            with self._directory(folder.split("/"), create=False) as directory:
                yield from _walk(directory, folder)
        except FileNotFoundError:
            return

    def read(self, path: str) -> File | None:
        """The file, or None if there is none.

        Raises:
            ObstructedError: there is something else.
        """
        *parents, name = _parts(path)
        try:
            with self._directory(parents, create=False) as directory, _obstructed(path):
                return _read(os.open(name, _FILE, dir_fd=directory), path)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise ObstructedError(f"{path}: {error.strerror}") from error

    def replace(self, staged: Path, path: str) -> None:
        """Moves a file into its place, atomically.

        Raises:
            ObstructedError: something is in the way.
        """
        *parents, name = _parts(path)
        with self._directory(parents, create=True) as directory, _obstructed(path):
            os.rename(staged, name, dst_dir_fd=directory)

    def remove(self, path: str) -> None:
        """Removes a file, and the directories that are empty without it, except the topmost.

        Raises:
            ObstructedError: something is in the way.
        """
        *parents, name = _parts(path)
        try:
            with self._directory(parents, create=False) as directory, _obstructed(path):
                os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            pass
        for depth in range(len(parents), 1, -1):
            with self._directory(parents[: depth - 1], create=False) as directory:
                try:
                    os.rmdir(parents[depth - 1], dir_fd=directory)
                except OSError:
                    return

    def sync(self, paths: Iterable[str]) -> None:
        """Makes the names in the directories of paths durable, as far as those directories exist."""
        for parents in sorted({tuple(_parts(path)[:-1]) for path in paths}):
            try:
                with self._directory(list(parents), create=False) as directory:
                    os.fsync(directory)
            except (FileNotFoundError, ObstructedError):
                continue

    def make(self, folder: str) -> None:
        """Makes a folder if there is none."""
        with self._directory(folder.split("/"), create=True):
            pass

    @contextmanager
    def _directory(self, parts: list[str], *, create: bool) -> Generator[int]:
        if create:
            self._root.mkdir(exist_ok=True)
        with _obstructed(self._root.name):
            here = os.open(self._root, _DIRECTORY)
        try:
            for part in parts:
                below = _enter(here, part, create=create)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)


def _enter(parent: int, name: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=parent)
    with _obstructed(name):
        return os.open(name, _DIRECTORY, dir_fd=parent)


def _walk(directory: int, prefix: str) -> Iterator[tuple[str, Fingerprint]]:
    with os.scandir(directory) as entries:
        found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in found:
        path = f"{prefix}/{entry.name}"
        try:
            status = os.stat(entry.name, dir_fd=directory, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                yield path, _fingerprint(status)
                continue
            below = os.open(entry.name, _DIRECTORY, dir_fd=directory)
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone since it was listed: the event of that wakes us again
        try:
            yield from _walk(below, path)
        finally:
            os.close(below)


def _read(descriptor: int, path: str) -> File:
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ObstructedError(f"{path}: not a regular file")
        data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise ObstructedError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        return File(data, executable=bool(status.st_mode & stat.S_IXUSR))


def _fingerprint(status: os.stat_result) -> Fingerprint:
    return Fingerprint(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ObstructedError(f"{path!r}: not a path inside the context directory")
    return parts


@contextmanager
def _obstructed(path: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            raise ObstructedError(f"{path}: a link, a file or a directory is in the way ({error.strerror})") from error
        raise
