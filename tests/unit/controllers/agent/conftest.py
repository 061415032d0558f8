"""A pod for every test."""

from pathlib import Path

import pytest

from tests.unit.controllers.agent.pod import Pod


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)
