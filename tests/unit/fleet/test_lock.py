import threading
from pathlib import Path

import pytest

from fleet.lock import locked


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
