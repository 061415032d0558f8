"""Durable files: after a crash at any moment they hold either the old or the new content."""

import os
from pathlib import Path


def write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Replaces a file, in a directory that is made if need be: readers see the old file or the new one.

    It is durable on return. Processes may write the same file at the same time; threads of one process may not.

    Args:
        path: the file.
        content: text is written as UTF-8.
        mode: permission bits, whatever the umask.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        stage(draft, content.encode() if isinstance(content, str) else content, mode)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def stage(path: Path, data: bytes, mode: int) -> None:
    """Writes a file whose bytes are durable, though not its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)  # the process's umask does not decide
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Removes a file if there is one; its absence is durable on return."""
    if path.exists():
        path.unlink(missing_ok=True)
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
