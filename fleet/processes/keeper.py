"""Starts processes of the fleet again when they end by themselves, as a kubelet does with a control plane's pods."""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from fleet.layout import Layout
from fleet.lock import locked
from fleet.processes.records import ProcessRecord, last_words, read_records, spawn, write_records

LOOK_SECONDS = 0.5
"""How often it looks; looking costs a few file reads in /proc."""

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
_STEADY_SECONDS = 60.0
"""After running for this long a process is no longer held to crash over and over."""


class Keeper:
    """Watches the recorded processes of one fleet."""

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self._layout = layout
        self._clock = clock
        self._restarts: dict[str, int] = {}

    def look(self) -> None:
        """Start again what has ended, unless somebody is starting or stopping processes just now."""
        if not any(self._is_due(name, record) for name, record in read_records(self._layout).items()):
            return
        try:
            with locked(self._layout.lock_file, lambda _: None, deadline_seconds=0):
                self._restart_ended()
        except TimeoutError:
            return

    def _restart_ended(self) -> None:
        records = read_records(self._layout)
        for name, record in records.items():
            if self._is_due(name, record):
                records[name] = self._restart(name, record)
        write_records(self._layout, records)

    def _restart(self, name: str, record: ProcessRecord) -> ProcessRecord:
        steady = self._clock() - record.started > _STEADY_SECONDS
        self._restarts[name] = 1 if steady else self._restarts.get(name, 0) + 1
        crash = {"crashes": record.crashes + 1, "last_words": last_words(record.log), "started": self._clock()}
        again = spawn(record).model_copy(update=crash)
        print(f"{name}: process {record.pid} had ended, process {again.pid} takes over", flush=True)  # noqa: T201 - its log
        return again

    def _is_due(self, name: str, record: ProcessRecord) -> bool:
        delay = min(_FIRST_DELAY_SECONDS * 2 ** self._restarts.get(name, 0), _LONGEST_DELAY_SECONDS)
        return not record.alive and self._clock() - record.started > delay


def _stop(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """Keep the fleet of the directory `--root`, until SIGTERM or until that directory is gone."""
    parser = argparse.ArgumentParser(prog="python -m fleet.processes.keeper", description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    layout = Layout(parser.parse_args().root)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what it started and has ended leaves no zombie
    keeper = Keeper(layout)
    while layout.root.exists():
        keeper.look()
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
