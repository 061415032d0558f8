"""Every test here works on volumes in memory."""

from collections.abc import Iterator

import pytest

from tests.model.volume import volumes_in_memory


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    with volumes_in_memory():
        yield
