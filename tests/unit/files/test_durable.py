"""Durable writes: whole or not at all."""

from pathlib import Path

import pytest

from files import durable


def test_a_written_file_has_the_content_and_mode_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"

    durable.write(path, "old", mode=0o600)
    durable.write(path, b"new", mode=0o640)

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.write(path, "old", mode=0o600)

    with pytest.raises(TypeError):
        durable.write(path, 3)  # pyright: ignore[reportArgumentType]

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
