"""Files replaced and removed without following a link."""

from collections.abc import Callable
from pathlib import Path

import pytest

from files.confined import ObstructedError
from files.writable_tree import WritableTree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/tools").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def tree(root: Path) -> WritableTree:
    return WritableTree(root)


def staged(tmp_path: Path, text: str = "new") -> Path:
    path = tmp_path / "staged"
    path.write_text(text)
    return path


def replacing(tree: WritableTree, tmp_path: Path) -> Callable[[str], object]:
    def replace(path: str) -> None:
        tree.replace(staged(tmp_path), path)

    return replace


def test_removing_what_does_not_exist_is_nothing(tree: WritableTree) -> None:
    tree.remove("tools/a/b.py")


@pytest.mark.parametrize("path", ["/etc/passwd", "tools/../../x", "tools//x", "tools/./x", "", "tools/a\0b"])
def test_a_path_that_leads_out_is_refused(tree: WritableTree, path: str, tmp_path: Path) -> None:
    for act in (tree.remove, replacing(tree, tmp_path)):
        with pytest.raises(ObstructedError):
            act(path)


def test_a_link_is_not_followed(tree: WritableTree, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("secret")
    (root / "tools/folder").symlink_to(outside)
    for act in (tree.remove, replacing(tree, tmp_path)):
        with pytest.raises(ObstructedError):
            act("tools/folder/f")
    assert (outside / "f").read_text() == "secret"


def test_replacing_makes_the_folders_and_removing_leaves_no_empty_ones(
    tree: WritableTree, root: Path, tmp_path: Path
) -> None:
    tree.replace(staged(tmp_path), "tools/a/b/c.py")
    tree.replace(staged(tmp_path), "tools/a/d.py")
    assert (root / "tools/a/b/c.py").read_text() == "new"
    tree.remove("tools/a/b/c.py")
    assert not (root / "tools/a/b").exists()
    tree.remove("tools/a/d.py")
    assert list(root.iterdir()) == [root / "tools"]
    assert list((root / "tools").iterdir()) == []


def test_a_folder_in_place_of_a_file_is_in_the_way(tree: WritableTree, root: Path, tmp_path: Path) -> None:
    (root / "tools/a.py/below").mkdir(parents=True)
    with pytest.raises(ObstructedError):
        tree.replace(staged(tmp_path), "tools/a.py")
