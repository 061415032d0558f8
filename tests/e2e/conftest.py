"""One fleet for all tests of this folder; each test has contexts of its own on it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from tests.support.federation import Federation
from tests.support.fleet import LocalFleet

FLEET_VARIABLE = "MCPFED_E2E_FLEET_DIR"
"""Environment variable: directory of a fleet to use, which is brought up if need be and left running."""

_UP_SECONDS = 3600.0
"""The tools are built when they are missing, which takes long."""
_DOWN_SECONDS = 300.0

_LAST = ("test_new_member.py", "test_destroy.py")
"""These leave another fleet behind than they found: they run after all others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    for item in ours:
        # Bringing the fleet up has a deadline of its own.
        item.add_marker(pytest.mark.timeout(300, func_only=True))
    items.sort(key=lambda item: _LAST.index(item.path.name) + 1 if item.path.name in _LAST and item in ours else 0)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalFleet]:
    given = os.environ.get(FLEET_VARIABLE)
    fleet = LocalFleet(Path(given) if given else tmp_path_factory.mktemp("fleet"))
    terminated = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        fleet.command("up", seconds=_UP_SECONDS)
        yield fleet
    finally:
        if not given:
            fleet.command("clean", seconds=_DOWN_SECONDS)
        signal.signal(signal.SIGTERM, terminated)


@pytest.fixture
async def federation(fleet: LocalFleet) -> AsyncGenerator[Federation]:
    async with Federation.of(fleet) as federation:
        yield federation


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows the ends of the pods' logs."""
    report = yield
    fleet = getattr(item, "funcargs", {}).get("fleet")
    if report.failed and isinstance(fleet, LocalFleet):
        report.sections.extend(fleet.tails())
    return report
