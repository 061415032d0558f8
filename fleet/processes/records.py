"""Records of started processes: which they are, whether they still run, and how one is started. Used by all who do so.

A record identifies its process by boot, start and id, so that an id that the kernel has given to somebody else since
is never mistaken for ours, whatever happens to the clock.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
from pydantic import BaseModel, RootModel

from files import durable
from fleet.layout import Layout
from fleet.state import ProcessEntry, update_state

PASSED_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "VIRTUAL_ENV", "XDG_CACHE_HOME", "MCPFED_FLEET_DIR")
"""What a process gets of the starter's environment; the rest may hold the user's secrets and proxies."""

LOG_BYTES = 20_000_000
"""A log larger than this is put aside as `<name>.log.1` when its process starts again."""

TAIL_LINES = 15
"""How much of a log is shown when its process failed."""


class ProcessRecord(BaseModel):
    """A process that was started and not ended on purpose."""

    argv: tuple[str, ...]
    env: dict[str, str]
    """What it gets beside `PASSED_VARIABLES`."""
    log: Path
    digest: str
    stage: int
    pid: int = 0
    identity: str = "not started"
    """See `identity_of`."""
    started: float = 0
    """When the process began, in seconds since the epoch."""
    crashes: int = 0
    """How often it was started again after it had ended by itself, since the last `up`."""
    last_words: str = ""
    """The end of its log when it last ended by itself."""

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return identity_of(self.pid) == self.identity

    @property
    def of_this_boot(self) -> bool:
        """Whether the machine has been up since it was started."""
        return self.identity.startswith(f"{_boot()}:")

    def memory_bytes(self) -> int:
        """Its resident memory; 0 when it has ended."""
        try:
            return psutil.Process(self.pid).memory_info().rss if self.alive else 0
        except psutil.NoSuchProcess:
            return 0

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it, if it still runs. SIGKILL takes its whole process group along."""
        if self.alive:
            send = os.killpg if number == signal.SIGKILL else os.kill
            try:
                send(self.pid, number)
            except ProcessLookupError:
                return


class ProcessRecords(RootModel[dict[str, ProcessRecord]]):
    """The content of `processes.json`."""


def read_records(layout: Layout) -> dict[str, ProcessRecord]:
    """The records by the processes' names, as last written; none if there is no file."""
    if not layout.processes_file.exists():
        return {}
    return ProcessRecords.model_validate_json(layout.processes_file.read_bytes()).root


def write_records(layout: Layout, records: Mapping[str, ProcessRecord]) -> None:
    """Replace the records, and the processes in the fleet's state file."""
    durable.write(layout.processes_file, ProcessRecords(dict(records)).model_dump_json(indent=2), mode=0o600)
    entries = {name: ProcessEntry(pid=r.pid, log=layout.relative(r.log)) for name, r in records.items()}
    update_state(layout, {"processes": entries})


def identity_of(pid: int) -> str | None:
    """Boot and start, which distinguish a running process from all that ever had its id; None for one that ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may contain anything; after it come the state and, 19 fields on, the start.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{_boot()}:{fields[19]}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def spawn(record: ProcessRecord) -> ProcessRecord:
    """Start what `record` says in a session of its own, logging to its log; the record of the new process."""
    log = record.log
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    environment = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ} | record.env
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # Signals that Python, or the program that calls this, ignores: a new program must not inherit that.
    defaults = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD]
    argv = record.argv
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=files, setsid=True, setsigdef=defaults)
    identity = identity_of(pid) or "ended at once"
    return record.model_copy(update={"pid": pid, "identity": identity, "started": time.time()})


def last_words(log: Path) -> str:
    """The last lines of a log, each cut to a readable width."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    lines = "\n".join(f"    {line[:300]}" for line in text.splitlines()[-TAIL_LINES:])
    return f"The end of its log, {log}:\n{lines}"
