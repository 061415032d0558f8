"""`python -m benchmarks.latency`: measures on the local fleet that runs, and leaves it as it was."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.latency.measurements import measures
from benchmarks.latency.report import Load, document, tables
from benchmarks.latency.sightings import NotSeenError
from benchmarks.latency.world import NoFleetError, World, opened
from fleet.layout import Layout
from kube.errors import ApiError, ConfigurationError, Unreachable

WARM_UP_RUNS = 3
"""Made first and not counted."""
PAUSE_SECONDS = 0.5
"""After each edit, for the status reports that follow it: they are not to disturb the next one."""

EXPECTED = (NoFleetError, NotSeenError, ApiError, ConfigurationError, Unreachable, OSError, TimeoutError)
"""What a user can do something about: shown as a message, without a traceback."""

Found = dict[str, list[float]]

RunsOption = Annotated[int, typer.Option(min=1, max=10_000, help="How often each edit is made.")]
OutputOption = Annotated[Path | None, typer.Option(dir_okay=False, help="Also write all samples to this JSON file.")]


def main(runs: RunsOption = 30, output: OutputOption = None) -> None:
    """How long edits take, next to plain Karmada and the bare API in the same run."""
    try:
        found = asyncio.run(_main(runs))
        if output is not None:
            output.write_text(json.dumps(found, indent=2) + "\n")
    except* EXPECTED as failed:
        print("\n".join(dict.fromkeys(f"error: {leaf}" for leaf in _leaves(failed))), file=sys.stderr)
        raise typer.Exit(1) from None
    except* asyncio.CancelledError:
        print("\ninterrupted: what was created is removed", file=sys.stderr)
        raise typer.Exit(130) from None


async def _main(runs: int) -> dict[str, Any]:
    _end_on_signal()
    began, before = datetime.now(UTC), os.getloadavg()
    console = Console(width=None if sys.stdout.isatty() else 160)
    async with opened(Layout.from_environment()) as world:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            edits = progress.add_task("edits", total=runs + WARM_UP_RUNS)
            found = await _measure(world, runs, lambda: progress.advance(edits))
        members = world.names
    loads: tuple[Load, Load] = (before, os.getloadavg())
    console.print(tables(found, loads))
    return document(found, members, began, loads)


def _end_on_signal() -> None:
    """Cancels this task on the first signal; it then removes what it has created, and no later signal stops that."""
    this, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert this is not None
    signals = (signal.SIGINT, signal.SIGTERM)

    def end() -> None:
        this.cancel()
        for number in signals:
            loop.add_signal_handler(number, lambda: None)

    for number in signals:
        loop.add_signal_handler(number, end)


async def _measure(world: World, runs: int, advance: Callable[[], None]) -> Found:
    """Makes all edits in each run, beginning with another one each time, so that none always follows the same."""
    found: Found = {}
    edits = await measures(world)
    for run in range(-WARM_UP_RUNS, runs):
        for turn in range(len(edits)):
            times = await edits[(run + turn) % len(edits)](run)
            await asyncio.sleep(PAUSE_SECONDS)
            if run >= 0:
                for name, milliseconds in times.items():
                    found.setdefault(name, []).append(milliseconds)
        advance()
    return found


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[Any]", error).exceptions:
            yield from _leaves(inner)
    else:
        yield error


if __name__ == "__main__":
    typer.run(main)
