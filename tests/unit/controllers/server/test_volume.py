"""A volume's contexts are read as they were applied, and nothing outside them is."""

from pathlib import Path

import pytest

from api.item import ContextType, ItemContent
from controllers.server import volume
from core.site.bookkeeping import APPLIED
from tests.support.volume import Volume

NOTES = {"a": ItemContent(definition={"uri": "note:///a"}, text="A")}


@pytest.fixture
def written(tmp_path: Path) -> Volume:
    written = Volume(tmp_path)
    written.apply("notes", ContextType.RESOURCES, NOTES, version=4)
    return written


def test_an_applied_context_is_read_with_its_files(written: Volume) -> None:
    (written.root / "notes" / "resources" / "a").chmod(0o755)
    snapshot = volume.read(written.root, "notes")
    assert snapshot is not None
    assert (snapshot.applied.context_type, snapshot.applied.version) == (ContextType.RESOURCES, 4)
    assert sorted(snapshot.files) == ["resources/a", "resources/a.mcp.json"]
    assert snapshot.files["resources/a"].executable
    assert volume.contexts(written.root) == ["notes"]


def test_a_context_that_was_not_applied_is_not_read(written: Volume) -> None:
    written.withdraw("notes")
    assert volume.read(written.root, "notes") is None
    assert volume.contexts(written.root / "empty") == []


def test_bookkeeping_that_is_not_understood_is_named(written: Volume) -> None:
    (written.bookkeeping("notes") / APPLIED).write_text('{"version": 1')
    with pytest.raises(volume.UnreadableContextError, match=r"notes/applied\.json"):
        volume.read(written.root, "notes")


def test_files_that_lead_out_of_the_context_or_are_too_large_are_not_read(written: Volume, tmp_path: Path) -> None:
    folder = written.root / "notes" / "resources"
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "large").write_bytes(bytes(volume.MAX_FILE_BYTES + 1))
    snapshot = volume.read(written.root, "notes")
    assert snapshot is not None
    assert sorted(snapshot.files) == ["resources/a", "resources/a.mcp.json"]
    problems = {problem.item: problem.message.split(":")[0] for problem in snapshot.problems}
    link = "a symbolic link"
    assert problems == {"link": link, "folder": link, "large": f"{volume.MAX_FILE_BYTES + 1} bytes"}


@pytest.mark.parametrize("root", ["notes", "notes/resources"])
def test_a_root_that_is_no_directory_is_named(written: Volume, root: str) -> None:
    (written.root / root).rename(written.root / "elsewhere")
    (written.root / root).write_text("a file")
    with pytest.raises(volume.UnreadableContextError, match=r"notes: .*is in the way"):
        volume.read(written.root, "notes")


def test_a_revision_is_being_written_as_long_as_its_intent_is_there(written: Volume) -> None:
    with written.writing("notes"):
        assert volume.being_written(written.root, "notes")
    assert not volume.being_written(written.root, "notes")


@pytest.mark.parametrize(
    ("path", "context"),
    [
        ("notes/resources/a", "notes"),
        ("notes", "notes"),
        (".mcpfed/contexts/notes/applied.json", "notes"),
        (".mcpfed/contexts/notes/intent.json", "notes"),
        (".mcpfed/contexts/notes", "notes"),
        (".mcpfed/contexts/notes/journal.json", None),
        (".mcpfed/withdrawn/notes-1/resources/a", None),
        (".mcpfed", None),
        (".mcpfed/contexts", None),
        (".trash/a", None),
    ],
)
def test_a_change_is_about_the_context_in_whose_directory_or_bookkeeping_it_is(path: str, context: str | None) -> None:
    assert volume.context_of(Path("/v"), Path("/v") / path) == context
