"""What must hold when a fault is over: all sites are equal and served, no edit is lost, the history has no flaw."""

from __future__ import annotations

import time
from collections.abc import Sequence

from api.context_revision import ContextRevisionSpec
from core.inspection.verify import verify
from tests.support.edits import Ledger
from tests.support.federation import Context
from tests.support.figures import Figures


async def recovered(context: Context, ledger: Ledger, figures: Figures, healed: float, seconds: float = 60) -> None:
    """Returns when the context has converged after the last fault was over, at `healed` (monotonic seconds).

    How long that took goes into the figures. It may take `seconds` from now.
    """
    await context.settled(seconds)
    figures.add("converged after healing", time.monotonic() - healed)
    figures.add("edits made meanwhile", len(ledger.edits), "")
    check(ledger, context.history)


def check(ledger: Ledger, history: Sequence[ContextRevisionSpec]) -> None:
    """AssertionError if an edit is lost, or the history is not as it was committed."""
    lost, flaws = ledger.lost(history), verify(history)
    assert not lost, f"lost: {lost}"
    assert not flaws, f"flaws: {flaws}"
