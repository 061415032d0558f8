"""Plain processes that outlive the program that started them: brought to readiness, recorded and ended."""

import asyncio
import hashlib
import json
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleet.layout import Layout
from fleet.processes.health import Check
from fleet.processes.records import ProcessRecord, last_words, read_records, spawn, write_records

GRACE_SECONDS = 45.0
"""How long a process has to end after SIGTERM before it is killed; some give their own work 30 s."""


@dataclass(frozen=True)
class Process:
    """What is to run."""

    name: str
    argv: tuple[str, ...]
    check: Check
    """Tells when it is ready."""
    stage: int
    """Processes end in the order of falling stages, those of one stage together."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables of its own, beside those of `PASSED_VARIABLES`."""
    inputs: tuple[Path, ...] = ()
    """Files that it reads once at its start: another content means a restart."""
    deadline_seconds: float = 60.0
    """How long it may take to become ready."""

    @property
    def digest(self) -> str:
        """Changes with everything that a running process does not notice by itself."""
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.inputs]
        return hashlib.sha256(json.dumps([self.argv, dict(self.env), contents]).encode()).hexdigest()


class ProcessError(Exception):
    """A process did not become ready, or did not end."""


class Supervisor:
    """Starts and ends the processes of one fleet. Whoever uses it holds the fleet's lock."""

    def __init__(self, layout: Layout, report: Callable[[str], None]) -> None:
        """Read the records; `report` gets messages for people."""
        self._layout = layout
        self._report = report
        self.records = read_records(layout)

    def runs(self, process: Process) -> bool:
        """Whether exactly this was started and has not ended; it may still not answer."""
        record = self.records.get(process.name)
        return record is not None and record.alive and record.digest == process.digest

    async def start(self, process: Process) -> None:
        """Bring `process` to readiness; nothing but its check is done if it runs already.

        Raises ProcessError with the tail of its log when it ends or is not ready in time.
        """
        record = self.records.get(process.name)
        if record and self.runs(process):
            try:
                await self._until_ready(process, record)
            except ProcessError:
                self._report(f"{process.name} runs but does not answer: it is started again")
            else:
                return
        if record and record.alive:
            await self.end(process.name)
        elif record:
            self._report_crash(process.name, record)
        await self._until_ready(process, self._spawn(process.name, self._planned(process)))

    def acknowledge_crashes(self) -> None:
        """Report the crashes since the last time, and count from nothing again."""
        for name, record in self.records.items():
            if record.crashes:
                self._report(
                    f"{name} ended by itself and was started again, {record.crashes} times. {record.last_words}"
                )
                record.crashes, record.last_words = 0, ""
        self._save()

    async def end(self, name: str) -> None:
        """End a process: SIGTERM, SIGKILL after the grace period; its record goes when it is gone."""
        record = self.records[name]
        record.signal(signal.SIGTERM)
        if not await _gone(record, GRACE_SECONDS):
            self._report(f"{name} (process {record.pid}) did not end within {GRACE_SECONDS:.0f} s and is killed")
            record.signal(signal.SIGKILL)
            if not await _gone(record, GRACE_SECONDS):
                msg = f"{name} (process {record.pid}) cannot be ended; look at it, then try again"
                raise ProcessError(msg)
        del self.records[name]
        self._save()

    async def restart(self, name: str) -> None:
        """End a process and start it again as it was; returns before it is ready."""
        record = self.records[name]
        await self.end(name)
        self._spawn(name, record)

    async def end_all(self) -> None:
        """End every recorded process, the last stage first."""
        for stage in sorted({record.stage for record in self.records.values()}, reverse=True):
            names = [name for name, record in self.records.items() if record.stage == stage]
            await asyncio.gather(*(self.end(name) for name in names))

    def _planned(self, process: Process) -> ProcessRecord:
        return ProcessRecord(
            argv=process.argv,
            env=dict(process.env),
            log=self._layout.log(process.name),
            digest=process.digest,
            stage=process.stage,
        )

    def _spawn(self, name: str, record: ProcessRecord) -> ProcessRecord:
        self.records[name] = spawn(record)
        self._save()
        return self.records[name]

    async def _until_ready(self, process: Process, record: ProcessRecord) -> None:
        deadline = time.monotonic() + process.deadline_seconds
        while (reason := await process.check()) is not None:
            if not record.alive:
                self._fail(process.name, "ended before it was ready", record)
            if time.monotonic() > deadline:
                self._fail(process.name, f"is not ready after {process.deadline_seconds:.0f} s ({reason})", record)
            await asyncio.sleep(0.1)

    def _fail(self, name: str, what: str, record: ProcessRecord) -> None:
        msg = f"{name} {what}. {last_words(record.log)}"
        raise ProcessError(msg)

    def _report_crash(self, name: str, record: ProcessRecord) -> None:
        if record.of_this_boot:
            self._report(f"{name} had ended by itself and is started again. {last_words(record.log)}")

    def _save(self) -> None:
        write_records(self._layout, self.records)


async def _gone(record: ProcessRecord, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while record.alive:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
