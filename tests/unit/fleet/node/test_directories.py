"""Volume directories are replaced atomically."""

from pathlib import Path

from fleet.node.directories import write_volume
from fleet.node.volumes import File


def shown(directory: Path) -> dict[str, bytes]:
    names = [entry for entry in directory.iterdir() if not entry.name.startswith("..")]
    return {entry.name: entry.read_bytes() for entry in names if entry.is_file()}


def test_files_appear_with_their_modes(tmp_path: Path) -> None:
    assert write_volume(tmp_path, {"a": File(b"1", 0o400), "deep/b": File(b"2")})
    assert shown(tmp_path) == {"a": b"1"}
    assert (tmp_path / "deep/b").read_bytes() == b"2"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o400


def test_equal_files_are_not_written_again(tmp_path: Path) -> None:
    write_volume(tmp_path, {"a": File(b"1")})
    before = (tmp_path / "..data").readlink()
    assert not write_volume(tmp_path, {"a": File(b"1")})
    assert (tmp_path / "..data").readlink() == before


def test_a_reader_of_the_old_generation_is_not_disturbed_and_the_new_one_is_whole(tmp_path: Path) -> None:
    write_volume(tmp_path, {"a": File(b"1"), "gone": File(b"1")})
    with (tmp_path / "a").open("rb") as reader:
        assert write_volume(tmp_path, {"a": File(b"2"), "new": File(b"2")})
        assert reader.read() == b"1"
    assert shown(tmp_path) == {"a": b"2", "new": b"2"}


def test_what_an_interrupted_write_left_behind_is_removed(tmp_path: Path) -> None:
    write_volume(tmp_path, {"a": File(b"1")})
    (tmp_path / "..generation-left").mkdir()
    (tmp_path / "..data.new").symlink_to("..generation-left")
    write_volume(tmp_path, {"a": File(b"2")})
    assert len([entry for entry in tmp_path.iterdir() if entry.name.startswith("..generation-")]) == 1
    assert shown(tmp_path) == {"a": b"2"}


def test_an_empty_volume_is_an_empty_directory(tmp_path: Path) -> None:
    assert write_volume(tmp_path / "v", {})
    assert shown(tmp_path / "v") == {}
