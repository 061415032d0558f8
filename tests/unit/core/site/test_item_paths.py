"""Paths of items: which of them a file system cannot hold beside each other."""

from api.item import ContextType
from core.site.item_paths import clashes

RESOURCES, TOOLS = ContextType.RESOURCES, ContextType.TOOLS


def test_an_item_whose_path_leads_through_another_items_file_clashes() -> None:
    assert clashes(RESOURCES, ["notes", "notes/a", "other"]) == {"notes/a": "notes"}
    assert clashes(TOOLS, ["notes", "notes/a"]) == {}
