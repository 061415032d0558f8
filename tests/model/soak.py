"""Runs the simulation for as long as wanted: `python -m tests.model.soak --runs 1000000 --seed 1 [--mutant NAME]`."""

import argparse
import multiprocessing
import secrets
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.model.mutants import MUTANTS
from tests.model.simulation import STEPS, Tally, reproduction, run_many
from tests.model.volume import volumes_in_memory

_BATCH = 200
_TOLD = 10
"""So many violations are printed; the others are counted."""


@dataclass(frozen=True)
class Batch:
    """What one process does at a time."""

    seeds: range
    steps: int
    mutant: str | None


def main(arguments: list[str] | None = None) -> int:
    """0 if no invariant was violated, else 1."""
    chosen = _parser().parse_args(arguments)
    chosen.seed = secrets.randbits(40) if chosen.seed is None else chosen.seed
    console, total = Console(), Tally()
    with _progress(console) as progress, multiprocessing.get_context("spawn").Pool(chosen.jobs) as pool:
        task = progress.add_task("simulating", total=chosen.runs, violations=0)
        for tally in pool.imap_unordered(run_batch, _batches(chosen)):
            for seed, violation in tally.violations[: max(0, _TOLD - len(total.violations))]:
                console.print(f"{violation}\n  {reproduction(seed, chosen.steps, chosen.mutant)}", highlight=False)
            total.add(tally)
            progress.update(task, completed=total.runs, violations=len(total.violations))
    console.print(str(total), highlight=False)
    return 1 if total.violations else 0


def run_batch(batch: Batch) -> Tally:
    """The runs of one batch."""
    mutation = MUTANTS[batch.mutant].applied() if batch.mutant else nullcontext()
    with volumes_in_memory(), mutation:
        return run_many(batch.seeds, batch.steps)


def _batches(chosen: argparse.Namespace) -> Iterator[Batch]:
    end = chosen.seed + chosen.runs
    for start in range(chosen.seed, end, _BATCH):
        yield Batch(range(start, min(start + _BATCH, end)), chosen.steps, chosen.mutant)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.model.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument(
        "--seed", type=int, help="of the first run; the next ones count on; default: one never run before"
    )
    parser.add_argument("--steps", type=int, default=STEPS, help="operations in each run")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="a rule to switch off")
    return parser


def _progress(console: Console) -> Progress:
    counted = (MofNCompleteColumn(), TextColumn("violations {task.fields[violations]}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(TextColumn("{task.description}"), BarColumn(), *counted, *times, console=console)


if __name__ == "__main__":
    sys.exit(main())
