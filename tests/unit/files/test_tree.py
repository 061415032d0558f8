"""Files read without following a link."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.site.directory import File
from files.confined import ObstructedError
from files.tree import MAX_DEPTH, MAX_FILE_BYTES, Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "root/tools").mkdir(parents=True)
    return Tree(tmp_path / "root")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_a_file_is_read_with_its_permission(tree: Tree, root: Path) -> None:
    (root / "tools/a.py").write_text("x")
    assert tree.read("tools/a.py") == File(b"x")
    (root / "tools/a.py").chmod(0o755)
    assert tree.read("tools/a.py") == File(b"x", executable=True)


def test_what_does_not_exist_is_none_or_empty(tree: Tree, tmp_path: Path) -> None:
    assert tree.read("tools/a/b.py") is None
    assert list(tree.files("prompts")) == []
    assert list(Tree(tmp_path / "absent").files("tools")) == []


def test_hidden_files_are_left_out(tree: Tree, root: Path) -> None:
    (root / "tools/.git").mkdir()
    (root / "tools/.git/config").write_text("x")
    (root / "tools/b").mkdir()
    (root / "tools/b/c.py").write_text("x")
    assert [path for path, _ in tree.files("tools")] == ["tools/b/c.py"]


def test_a_file_looks_different_when_it_has_changed(tree: Tree, root: Path) -> None:
    (root / "tools/a.py").write_text("x")
    before = dict(tree.files("tools"))
    assert dict(tree.files("tools")) == before
    (root / "tools/a.py").write_text("xy")
    assert dict(tree.files("tools")) != before


@pytest.mark.parametrize("path", ["/etc/passwd", "tools/../../x", "tools//x", "tools/./x", "", "tools/a\0b"])
def test_a_path_that_leads_out_is_refused(tree: Tree, path: str) -> None:
    with pytest.raises(ObstructedError):
        tree.read(path)


def test_a_link_is_neither_read_nor_followed(tree: Tree, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("secret")
    (root / "tools/file").symlink_to(outside / "f")
    (root / "tools/folder").symlink_to(outside)
    for path in ("tools/file", "tools/folder"):
        with pytest.raises(ObstructedError, match=f"{path}: a symbolic link: put the file itself here"):
            tree.read(path)
    with pytest.raises(ObstructedError):
        tree.read("tools/folder/f")
    assert [path for path, _ in tree.files("tools")] == ["tools/file", "tools/folder"]


def test_a_context_directory_that_is_a_link_is_refused(tree: Tree, root: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to(root)
    with pytest.raises(ObstructedError):
        list(Tree(linked).files("tools"))


def test_what_is_no_file_blocks_nobody(tree: Tree, root: Path) -> None:
    os.mkfifo(root / "tools/pipe")
    (root / "tools/folder").mkdir()
    for path in ("tools/pipe", "tools/folder"):
        with pytest.raises(ObstructedError, match="not a regular file"):
            tree.read(path)


def test_a_file_too_large_for_an_item_is_not_read(tree: Tree, root: Path) -> None:
    with (root / "tools/large").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ObstructedError, match=f"{MAX_FILE_BYTES + 1} bytes"):
        tree.read("tools/large")


names = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name and b"/" not in name).map(os.fsdecode)


@given(paths=st.lists(st.lists(names, min_size=1, max_size=3), max_size=5))
def test_any_names_are_given_as_text_and_can_be_asked_for(paths: list[list[str]]) -> None:
    with TemporaryDirectory() as directory:
        for parts in paths:
            with suppress(OSError):  # `..`, or a file in the way of a folder, or the other way round
                Path(directory, "tools", *parts[:-1]).mkdir(parents=True, exist_ok=True)
                Path(directory, "tools", *parts).write_bytes(b"x")
        tree = Tree(Path(directory))
        for path, _ in tree.files("tools"):
            path.encode()
            with suppress(ObstructedError):
                tree.read(path)


def test_a_folder_that_is_too_deep_is_given_and_not_gone_into(tree: Tree, root: Path) -> None:
    deep, here = 200, os.open(root / "tools", os.O_RDONLY)
    for _ in range(deep):  # one by one: the whole path is longer than a path may be
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (root / "tools/a.py").write_text("x")
    found = [path for path, _ in tree.files("tools")]
    assert found == ["tools/a.py", "tools" + "/d" * (MAX_DEPTH + 1)]
    with pytest.raises(ObstructedError, match="not a regular file"):
        tree.read(found[1])
