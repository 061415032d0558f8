"""A lock between programs of one fleet: held by one process at a time, free again when that ends."""

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, announce: Callable[[str], None], deadline_seconds: float) -> Generator[None]:
    """Hold the lock file at `path`; a dead holder's lock is free.

    `announce` gets, once, the holder that it waits for. Raises TimeoutError after `deadline_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _acquire(file.fileno(), path, announce, time.monotonic() + deadline_seconds)
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _acquire(descriptor: int, path: Path, announce: Callable[[str], None], deadline: float) -> None:
    announced = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = path.read_text() or "another process"
            if time.monotonic() > deadline:
                msg = f"{path} is still held by {holder}; end that process or wait for it, then try again"
                raise TimeoutError(msg) from None
            if not announced:
                announce(f"waiting for {holder}, which holds {path}")
                announced = True
            time.sleep(0.1)
        else:
            return
