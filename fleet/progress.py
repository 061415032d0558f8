"""What people see while something takes long: a bar per step on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars


class Progress(Protocol):
    """Where a long piece of work says how far it is. Steps have names and may run at the same time."""

    def begin(self, step: str) -> None:
        """A step begins."""
        ...

    def advance(self, step: str, done: int, total: int) -> None:
        """`done` of `total` parts of a step are there."""
        ...

    def end(self, step: str, outcome: str = "ready") -> None:
        """A step is over."""
        ...

    def say(self, message: str) -> None:
        """Something that people should know, whatever step it belongs to."""
        ...


class Lines:
    """Progress as plain lines with the elapsed time, for logs and pipes."""

    def __init__(self) -> None:
        """Write to standard error."""
        self._began: dict[str, float] = {}

    def begin(self, step: str) -> None:
        """Print the step's name."""
        self._began[step] = time.monotonic()
        self.say(f"{step} ...")

    def advance(self, step: str, done: int, total: int) -> None:
        """Print nothing: a line per part would be noise."""

    def end(self, step: str, outcome: str = "ready") -> None:
        """Print the outcome and how long it took."""
        elapsed = time.monotonic() - self._began.pop(step, time.monotonic())
        self.say(f"{step} {outcome} ({elapsed:.1f} s)")

    def say(self, message: str) -> None:
        """Print the message."""
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is the program's output


class Terminal:
    """Progress as one live line per step."""

    def __init__(self, bars: Bars) -> None:
        """Draw into `bars`, which somebody else starts and stops."""
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def begin(self, step: str) -> None:
        """Add a line."""
        self._tasks[step] = self._bars.add_task(step, total=None, outcome="")

    def advance(self, step: str, done: int, total: int) -> None:
        """Move the line's bar."""
        self._bars.update(self._tasks[step], completed=min(done, total), total=total, outcome="")

    def end(self, step: str, outcome: str = "ready") -> None:
        """Fill the line's bar."""
        self._bars.update(self._tasks[step], completed=1, total=1, outcome=outcome)

    def say(self, message: str) -> None:
        """Print above the lines."""
        self._bars.console.print(message, markup=False, highlight=False)


@contextmanager
def shown_progress() -> Generator[Progress]:
    """Progress for people on standard error, as fits where that goes."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, TextColumn("{task.fields[outcome]}"), console=console) as bars:
        yield Terminal(bars)
