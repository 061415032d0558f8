import threading
from pathlib import Path

import pytest

from fleet.files import locked, write_atomically


def test_a_written_file_has_the_content_and_mode_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"

    write_atomically(path, "old")
    write_atomically(path, b"new", mode=0o640)

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    with pytest.raises(TypeError):
        write_atomically(path, 3)  # pyright: ignore[reportArgumentType]

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_held_lock_times_out_and_says_whom_it_waits_for(tmp_path: Path) -> None:
    said: list[str] = []

    with (
        locked(tmp_path / "lock", said.append, 1),
        pytest.raises(TimeoutError, match="still held by process"),
        locked(tmp_path / "lock", said.append, 0.05),
    ):
        pytest.fail("the lock was given twice")

    assert len(said) == 1
    assert "waiting for process" in said[0]


def test_a_waiter_gets_the_lock_when_its_holder_lets_go(tmp_path: Path) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "lock", lambda _: None, 1):
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)

    with locked(tmp_path / "lock", lambda _: release.set(), 10):
        pass
    holder.join()
