"""Files reached without following a link."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.site.directory import File
from files.tree import MAX_FILE_BYTES, ObstructedError, Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "root/tools").mkdir(parents=True)
    return Tree(tmp_path / "root")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def staged(tmp_path: Path, text: str = "new") -> Path:
    path = tmp_path / "staged"
    path.write_text(text)
    return path


def replacing(tree: Tree, tmp_path: Path) -> Callable[[str], object]:
    def replace(path: str) -> None:
        tree.replace(staged(tmp_path), path)

    return replace


def test_a_file_is_read_with_its_permission(tree: Tree, root: Path) -> None:
    (root / "tools/a.py").write_text("x")
    assert tree.read("tools/a.py") == File(b"x")
    (root / "tools/a.py").chmod(0o755)
    assert tree.read("tools/a.py") == File(b"x", executable=True)


def test_what_does_not_exist_is_none_or_empty(tree: Tree, tmp_path: Path) -> None:
    assert tree.read("tools/a/b.py") is None
    assert list(tree.files("prompts")) == []
    assert list(Tree(tmp_path / "absent").files("tools")) == []
    tree.remove("tools/a/b.py")


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
def test_a_path_that_leads_out_is_refused(tree: Tree, path: str, tmp_path: Path) -> None:
    for act in (tree.read, tree.remove, replacing(tree, tmp_path)):
        with pytest.raises(ObstructedError):
            act(path)


def test_a_link_is_neither_read_nor_followed(tree: Tree, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("secret")
    (root / "tools/file").symlink_to(outside / "f")
    (root / "tools/folder").symlink_to(outside)
    for path in ("tools/file", "tools/folder/f"):
        with pytest.raises(ObstructedError):
            tree.read(path)
    for act in (tree.remove, replacing(tree, tmp_path)):
        with pytest.raises(ObstructedError):
            act("tools/folder/f")
    assert [path for path, _ in tree.files("tools")] == ["tools/file", "tools/folder"]
    assert (outside / "f").read_text() == "secret"


def test_a_context_directory_that_is_a_link_is_refused(tree: Tree, root: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to(root)
    with pytest.raises(ObstructedError):
        list(Tree(linked).files("tools"))


def test_what_is_no_file_blocks_nobody(tree: Tree, root: Path) -> None:
    os.mkfifo(root / "tools/pipe")
    (root / "tools/folder").mkdir()
    for path in ("tools/pipe", "tools/folder"):
        with pytest.raises(ObstructedError):
            tree.read(path)


def test_a_file_too_large_for_an_item_is_not_read(tree: Tree, root: Path) -> None:
    with (root / "tools/large").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ObstructedError):
        tree.read("tools/large")


def test_replacing_makes_the_folders_and_removing_leaves_no_empty_ones(tree: Tree, root: Path, tmp_path: Path) -> None:
    tree.replace(staged(tmp_path), "tools/a/b/c.py")
    tree.replace(staged(tmp_path), "tools/a/d.py")
    assert (root / "tools/a/b/c.py").read_text() == "new"
    tree.remove("tools/a/b/c.py")
    assert not (root / "tools/a/b").exists()
    tree.remove("tools/a/d.py")
    assert list(root.iterdir()) == [root / "tools"]
    assert list((root / "tools").iterdir()) == []


def test_a_folder_in_place_of_a_file_is_in_the_way(tree: Tree, root: Path, tmp_path: Path) -> None:
    (root / "tools/a.py/below").mkdir(parents=True)
    with pytest.raises(ObstructedError):
        tree.replace(staged(tmp_path), "tools/a.py")
