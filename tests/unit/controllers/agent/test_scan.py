"""Scans: what a directory holds, reading again only what may have changed."""

import os
import time
from pathlib import Path

import pytest

from api.item import ContextType
from controllers.agent.scan import Scanner
from core.site.directory import File
from files.tree import Tree

RESOURCES = ContextType.RESOURCES


class CountingTree(Tree):
    """Counts what is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, path: str) -> File | None:
        self.reads.append(path)
        return super().read(path)


@pytest.fixture
def resources(tmp_path: Path) -> Path:
    path = tmp_path / "resources"
    path.mkdir()
    return path


@pytest.fixture
def tree(tmp_path: Path, resources: Path) -> CountingTree:
    assert resources.is_dir()
    return CountingTree(tmp_path)


def age(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets time pass: a file's time of change cannot be set back."""
    later = path.stat().st_ctime_ns + 10_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)


def test_a_file_that_changed_long_ago_is_read_once(
    tree: CountingTree, resources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (resources / "a.txt").write_text("1")
    age(resources / "a.txt", monkeypatch)
    scanner = Scanner(tree)
    first = scanner.scan(RESOURCES)
    assert scanner.scan(RESOURCES) == first
    assert tree.reads == ["resources/a.txt"]
    scanner.scan(RESOURCES, thorough=True)
    assert len(tree.reads) == 2


def test_a_change_that_leaves_size_and_time_as_they_were_is_seen(tree: CountingTree, resources: Path) -> None:
    path = resources / "a.txt"
    path.write_text("1")
    scanner = Scanner(tree)
    before, status = scanner.scan(RESOURCES), path.stat()
    path.write_text("2")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert scanner.scan(RESOURCES).present.digests != before.present.digests


def test_only_the_item_that_changed_is_read_again(
    tree: CountingTree, resources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (resources / "a.txt").write_text("1")
    (resources / "b.txt").write_text("1")
    age(resources / "b.txt", monkeypatch)
    scanner = Scanner(tree)
    scanner.scan(RESOURCES)
    tree.reads.clear()
    (resources / "a.txt").write_text("changed")
    assert scanner.scan(RESOURCES).present.contents["a.txt"].text == "changed"
    assert tree.reads == ["resources/a.txt"]


def test_an_item_with_a_file_that_cannot_be_read_is_unreadable_as_a_whole(tree: Tree, resources: Path) -> None:
    (resources / "a.txt").write_text("1")
    (resources / "a.txt.mcp.json").symlink_to(resources / "a.txt")
    found = Scanner(tree).scan(RESOURCES)
    assert found.present.unreadable == {"a.txt"}
    assert found.present.contents == {}
    assert [problem.item for problem in found.problems] == ["a.txt"]


def test_a_foreign_file_is_reported_and_an_ignored_one_is_not(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "notes.txt").write_text("x")
    (tools / "draft.json~").write_text("x")
    found = Scanner(Tree(tmp_path)).scan(ContextType.TOOLS)
    assert [problem.message.split(":")[0] for problem in found.problems] == ["tools/notes.txt"]
    assert found.present.unreadable == frozenset()


def test_a_deleted_item_is_gone(tree: Tree, resources: Path) -> None:
    (resources / "a.txt").write_text("1")
    scanner = Scanner(tree)
    assert set(scanner.scan(RESOURCES).present.digests) == {"a.txt"}
    (resources / "a.txt").unlink()
    assert scanner.scan(RESOURCES).present.digests == {}
