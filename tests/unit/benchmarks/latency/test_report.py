from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from benchmarks.latency.figures import Samples
from benchmarks.latency.measurements import BARE, COMMITTED, DECLARED, PLAIN, SERVED, STAGES
from benchmarks.latency.report import document, tables

LOADS = ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
STAGE = STAGES[DECLARED][0]


def samples() -> Samples:
    return {
        STAGE: [40.0, 50.0],
        DECLARED: [100.0, 120.0],
        PLAIN: [100.0, 100.0],
        COMMITTED: [90.0, 90.0],
        SERVED: [200.0, 210.0],
        BARE: [50.0, 50.0],
    }


def test_the_document_holds_samples_figures_verdicts_and_the_machine() -> None:
    found = json.loads(json.dumps(document(samples(), ["m1", "m2"], datetime(2026, 1, 2, tzinfo=UTC), LOADS)))
    assert found["began"] == "2026-01-02T00:00:00+00:00"
    assert found["members"] == ["m1", "m2"]
    assert found["machine"]["cores"] > 0
    assert (found["machine"]["loadBefore"], found["machine"]["loadAfter"]) == ([1, 2, 3], [4, 5, 6])
    assert found["measurements"][DECLARED]["samples"] == [100, 120]
    assert (found["measurements"][DECLARED]["n"], found["measurements"][DECLARED]["p50"]) == (2, 110)
    medians = {
        each["name"]: (each["ratio"], each["reached"]) for each in found["qualities"] if each["percentile"] == 50
    }
    assert medians == {"declared edit is served": (1.1, True), "member's edit is committed": (1.8, False)}


def test_the_tables_show_every_measurement_and_every_verdict() -> None:
    screen = StringIO()
    Console(file=screen, width=160).print(tables(samples(), LOADS))
    shown = screen.getvalue()
    assert all(name in shown for name in samples())
    assert f"  {STAGE}" in shown
    assert "load average 1.0 before and 4.0 after" in shown
    assert (shown.count("yes"), shown.count(" no ")) == (3, 3)
