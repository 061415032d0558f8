"""One fleet for all tests of this folder; each test has contexts of its own on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fleet_fixtures import federation, fleet, limit, pytest_runtest_makereport

__all__ = ["federation", "fleet", "pytest_runtest_makereport"]

_LAST = ("test_new_member.py", "test_destroy.py")
"""These leave another fleet behind than they found: they run after all others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    limit(ours, 300)
    items.sort(key=lambda item: _LAST.index(item.path.name) + 1 if item.path.name in _LAST and item in ours else 0)
