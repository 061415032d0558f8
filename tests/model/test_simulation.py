"""Many short runs of the whole protocol, from fixed seeds and from new ones: no invariant is ever violated."""

import os
import secrets
from pathlib import Path

import pytest

from tests.model.simulation import STEPS, reproduction, run, run_many

RUNS = 20_000
BATCHES = 8
FRESH_RUNS = 5_000
FRESH_SEED = int(os.environ.get("MCPFED_MODEL_SEED") or secrets.randbits(40))
"""Fixed seeds find only what they have found before. A failure says which seed to run again."""
REGRESSIONS = Path(__file__).with_name("regressions.txt")


def regressions() -> list[tuple[int, int, bool]]:
    lines = [line.split() for line in REGRESSIONS.read_text().splitlines() if line and not line.startswith("#")]
    return [(int(words[0]), int(words[1]), words[2] == "upkeep") for words in lines]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_invariant_is_violated(batch: int) -> None:
    size = RUNS // BATCHES
    check(range(1 + batch * size, 1 + (batch + 1) * size))


def test_no_invariant_is_violated_from_seeds_that_nobody_has_run() -> None:
    check(range(FRESH_SEED, FRESH_SEED + FRESH_RUNS))


def check(seeds: range) -> None:
    tally = run_many(seeds)
    found = [f"{violation}\n  {reproduction(seed, STEPS)}" for seed, violation in tally.violations[:5]]
    assert not found, f"{tally}\n" + "\n".join(found)
    assert tally.runs == len(seeds)
    assert tally.commits > 2 * len(seeds), "the runs do too little to prove anything"
    assert tally.conflicts > len(seeds) // 5, "the runs have too few conflicts to prove anything"


@pytest.mark.parametrize(("seed", "steps", "upkeep"), regressions())
def test_what_once_failed_does_not_fail_again(seed: int, steps: int, upkeep: bool) -> None:
    run(seed, steps, upkeep=upkeep)
