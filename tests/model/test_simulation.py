"""Many short runs of the whole protocol, from fixed seeds: no invariant is ever violated."""

from pathlib import Path

import pytest

from tests.model.simulation import STEPS, reproduction, run, run_many

RUNS = 20_000
BATCHES = 8
REGRESSIONS = Path(__file__).with_name("regressions.txt")


def regressions() -> list[tuple[int, int, bool]]:
    lines = [line.split() for line in REGRESSIONS.read_text().splitlines() if line and not line.startswith("#")]
    return [(int(words[0]), int(words[1]), words[2] == "upkeep") for words in lines]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_invariant_is_violated(batch: int) -> None:
    size = RUNS // BATCHES
    tally = run_many(range(1 + batch * size, 1 + (batch + 1) * size))
    reports = [f"{violation}\n  {reproduction(seed, STEPS)}" for seed, violation in tally.violations[:5]]
    assert not reports, f"{tally}\n" + "\n".join(reports)
    assert tally.runs == size
    assert tally.commits > 2 * size, "the runs do too little to prove anything"
    assert tally.conflicts > size // 5, "the runs have too few conflicts to prove anything"


@pytest.mark.parametrize(("seed", "steps", "upkeep"), regressions())
def test_what_once_failed_does_not_fail_again(seed: int, steps: int, upkeep: bool) -> None:
    run(seed, steps, upkeep=upkeep)
