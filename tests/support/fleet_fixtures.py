"""Fixtures of suites that run on a fleet: one for all tests of a suite, which have contexts of their own on it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Generator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.federation import Federation
from tests.support.fleet import LocalFleet

FLEET_VARIABLE = "MCPFED_TEST_FLEET_DIR"
"""Environment variable: directory of a fleet to use, which is brought up if need be and left running."""

_UP_SECONDS = 3600.0
"""The tools are built when they are missing, which takes long."""
_DOWN_SECONDS = 300.0


def limit(items: Iterable[pytest.Item], seconds: float) -> None:
    """Gives tests that set none a deadline; bringing the fleet up has one of its own."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(seconds, func_only=True))


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


@pytest_asyncio.fixture(name="federation", scope="module", loop_scope="module")
async def module_federation(fleet: LocalFleet) -> AsyncGenerator[Federation]:
    """The same for all tests of a module that run in one event loop."""
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
