"""Every rule of the protocol is needed: without it the simulation finds a violation within its budget."""

import pytest

from tests.model.mutants import MUTANTS
from tests.model.simulation import run_many

BUDGET = 10_000
"""Runs within which a mutant must be found out."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_that_is_switched_off_is_missed(name: str) -> None:
    mutant = MUTANTS[name]
    with mutant.applied():
        tally = run_many(range(mutant.first_seed, mutant.first_seed + BUDGET), mutant.steps, until=mutant.killed_by)
    found = {violation.invariant.name for _, violation in tally.violations}
    missed = f"{name}: nobody notices that it no longer holds that {mutant.rule}; {tally}, {sorted(found)}"
    assert mutant.killed_by.name in found, missed


def test_there_are_mutants_of_at_least_a_dozen_rules() -> None:
    assert len({mutant.rule for mutant in MUTANTS.values()}) >= 12
