"""One fleet for all tests of this folder; each leaves it whole, and prints how long it took to converge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.figures import figures, pytest_terminal_summary
from tests.support.fleet_fixtures import federation, fleet, limit, pytest_runtest_makereport

__all__ = ["federation", "figures", "fleet", "pytest_runtest_makereport", "pytest_terminal_summary"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    limit((item for item in items if item.path.is_relative_to(Path(__file__).parent)), 600)
