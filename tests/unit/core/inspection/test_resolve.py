"""A person chooses among what was lost, or gives a file."""

import pytest

from api.federated_context import ConflictPolicyName
from api.item import ContextType, ItemContent
from core.inspection.history import conflicts
from core.inspection.resolve import Unresolvable, choose, dot_text, with_file
from tests.unit.core.past import grown, in_conflict, under
from tests.unit.core.scene import change, content, dot

MODULE = ItemContent(
    definition={"name": "t", "inputSchema": {"type": "object"}}, handler={"python": {"entrypoint": "t:run"}}, text="x\n"
)


def test_the_only_loser_is_meant_without_saying_so() -> None:
    recorded = conflicts(in_conflict(ConflictPolicyName.LAST_WRITER_WINS))
    assert choose(recorded, "a").record.lost.content == content("early")


def test_of_several_losers_one_must_be_named_and_can_be() -> None:
    wanted = under(ConflictPolicyName.LAST_WRITER_WINS)
    history = in_conflict(ConflictPolicyName.LAST_WRITER_WINS)
    history = grown(history, change("a", "earlier", dot("m3/p@x#1", 1999)), wanted=wanted)
    recorded = conflicts(history)
    with pytest.raises(Unresolvable, match="--dot"):
        choose(recorded, "a")
    named = dot_text(dot("m3/p@x#1", 1999))
    assert choose(recorded, "a", named).record.lost.content == content("earlier")


def test_an_item_without_a_conflict_has_no_loser() -> None:
    with pytest.raises(Unresolvable, match="no conflict"):
        choose(conflicts(in_conflict(ConflictPolicyName.LAST_WRITER_WINS)), "b")


def test_a_file_replaces_the_content_of_a_resource_and_leaves_the_rest() -> None:
    present = ItemContent(definition={"uri": "doc://a", "name": "a"}, text="old")
    replaced = with_file(ContextType.RESOURCES, "a.md", present, b"new", ".md")
    assert replaced == ItemContent(definition={"uri": "doc://a", "name": "a"}, text="new")


def test_a_module_and_a_document_are_the_two_files_of_a_tool() -> None:
    assert with_file(ContextType.TOOLS, "t", MODULE, b"y\n", ".py") == MODULE.model_copy(update={"text": "y\n"})
    document = b'{"definition": {"name": "t", "description": "d", "inputSchema": {"type": "object"}}}'
    replaced = with_file(ContextType.TOOLS, "t", MODULE, document, ".json")
    assert (replaced.definition["description"], replaced.text) == ("d", "x\n")


@pytest.mark.parametrize("data", [b"{", b'{"definition": {"name": "other"}}', b"[]"])
def test_a_file_that_makes_no_sound_item_is_refused(data: bytes) -> None:
    with pytest.raises(Unresolvable, match="item t:"):
        with_file(ContextType.TOOLS, "t", None, data, ".json")
