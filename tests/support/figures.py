"""Figures that tests measure, as a table at the end of the run."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest


class Figures:
    """What one test measures."""

    def __init__(self, test: str, rows: list[tuple[str, str, str]]) -> None:
        self._test = test
        self._rows = rows

    def add(self, what: str, value: float, unit: str = "s") -> None:
        """Keeps a figure for the table."""
        self._rows.append((self._test, what, f"{value:.1f} {unit}" if unit == "s" else f"{value:g} {unit}".rstrip()))

    @contextmanager
    def timing(self, what: str) -> Generator[None]:
        """Keeps how long the block takes, if it ends well."""
        began = time.monotonic()
        yield
        self.add(what, time.monotonic() - began)


_ROWS = pytest.StashKey[list[tuple[str, str, str]]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    test = f"{request.path.stem}::{request.node.name}"
    return Figures(test, request.config.stash.setdefault(_ROWS, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table, once, whoever has this hook."""
    rows = [*config.stash.setdefault(_ROWS, [])]
    config.stash[_ROWS].clear()
    if not rows:
        return
    terminalreporter.section("figures")
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for test, what, value in rows:
        terminalreporter.write_line(f"{test:{widths[0]}}  {what:{widths[1]}}  {value:>{widths[2]}}")
