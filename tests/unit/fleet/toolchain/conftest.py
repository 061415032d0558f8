from pathlib import Path

import pytest

from tests.unit.fleet.toolchain.machine import Machine, Recorder


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.fixture
def progress() -> Recorder:
    return Recorder()
