"""What a run has found, as a JSON document and as tables."""

import os
import platform
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.latency.figures import PERCENTILES, Samples, Summary, Verdict, summaries, verdicts
from benchmarks.latency.measurements import ITEM_BYTES, QUALITIES, STAGES

Load = tuple[float, float, float]
"""Load average over 1, 5 and 15 minutes."""


def document(samples: Samples, members: Sequence[str], began: datetime, loads: tuple[Load, Load]) -> dict[str, Any]:
    """Everything, for programs.

    Args:
        samples: times of each measurement, milliseconds.
        members: their names.
        began: when the run began.
        loads: of the machine before and after the run.
    """
    found = summaries(samples)
    return {
        "began": began.isoformat(timespec="seconds"),
        "unit": "ms",
        "itemBytes": ITEM_BYTES,
        "members": list(members),
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "loadBefore": loads[0],
            "loadAfter": loads[1],
        },
        "measurements": {
            name: {**_figures(summary), "samples": [round(sample, 2) for sample in samples[name]]}
            for name, summary in found.items()
        },
        "qualities": [_judged(verdict) for verdict in verdicts(QUALITIES, found)],
    }


def tables(samples: Samples, loads: tuple[Load, Load]) -> RenderableType:
    """The figures and verdicts, for people."""
    found = summaries(samples)
    figures = Table("MEASUREMENT, ms", *(f"p{percent}" for percent in PERCENTILES), "min", "max", "n", box=None)
    for name, summary in found.items():
        row = [*summary.percentiles.values(), summary.lowest, summary.highest]
        is_stage = any(name in stages for stages in STAGES.values())
        style = "dim" if is_stage else "bold"
        figures.add_row(f"{'  ' * is_stage}{name}", *(f"{value:.0f}" for value in row), str(summary.n), style=style)
    judged = Table("QUALITY", "AT", "MEASURED", "LIMIT", "RATIO", "REACHED", "", box=None)
    for verdict in verdicts(QUALITIES, found):
        times = (f"{verdict.measured:.0f}", f"{verdict.limit:.0f}", f"{verdict.ratio:.2f}")
        reached = Text("yes", "green") if verdict.is_reached else Text("no", "red")
        judged.add_row(verdict.quality.name, f"p{verdict.percent}", *times, reached, verdict.quality.formula)
    machine = f"{os.cpu_count()} cores, load average {loads[0][0]:.1f} before and {loads[1][0]:.1f} after"
    return Group(figures, "", judged, "", machine)


def _figures(summary: Summary) -> dict[str, float]:
    percentiles = {f"p{percent}": round(value, 2) for percent, value in summary.percentiles.items()}
    return {"n": summary.n, **percentiles, "min": round(summary.lowest, 2), "max": round(summary.highest, 2)}


def _judged(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.quality.name,
        "formula": verdict.quality.formula,
        "measured": verdict.quality.measured,
        "reference": verdict.quality.reference,
        "percentile": verdict.percent,
        "value": round(verdict.measured, 2),
        "limit": round(verdict.limit, 2),
        "ratio": round(verdict.ratio, 3),
        "reached": verdict.is_reached,
    }
