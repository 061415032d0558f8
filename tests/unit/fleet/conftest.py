"""Shared scenery of the fleet's unit tests."""

from pathlib import Path

import pytest

from fleet.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "fleet")
