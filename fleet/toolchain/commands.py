"""Commands that are ended together, from another thread than the one that waits for them."""

import os
import signal
import subprocess
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


class CommandsEnded(Exception):
    """A command is not started, because the work that it belongs to was ended."""


class Commands:
    """The commands of one piece of work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    def end(self) -> None:
        """Kill what runs and let nothing be started any more."""
        with self._lock:
            self._ended = True
            for process in self._running:
                _kill(process)

    @contextmanager
    def running(
        self, command: Sequence[str], directory: Path, env: Mapping[str, str], seconds: float
    ) -> Generator["subprocess.Popen[str]"]:
        """The process of `command`, killed when the block is left by an exception, and after `seconds`.

        Raises CommandsEnded after `end`.
        """
        process = self._start(command, directory, env)
        deadline = threading.Timer(seconds, _kill, [process])
        deadline.start()
        try:
            with process:
                try:
                    yield process
                except BaseException:
                    _kill(process)
                    raise
        finally:
            deadline.cancel()
            with self._lock:
                self._running.discard(process)

    def _start(self, command: Sequence[str], directory: Path, env: Mapping[str, str]) -> "subprocess.Popen[str]":
        with self._lock:
            if self._ended:
                raise CommandsEnded(f"`{' '.join(command)}` is not started: the work that it belongs to was ended")
            process = subprocess.Popen(
                command,
                cwd=directory,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                process_group=0,
            )
            self._running.add(process)
            return process


def _kill(process: "subprocess.Popen[str]") -> None:
    """End a command with the processes that it has started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
