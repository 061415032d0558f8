"""A declaration changes what the program changed since the last one, and nothing else."""

from core.hub.declare import declare
from core.hub.merge import Merger
from tests.unit.core.scene import advance, change, dot, payload, texts


def test_the_first_declaration_adds_every_item() -> None:
    head = advance(None, [], declared=payload(a="1", b="2"))
    assert head is not None
    assert texts(head) == {"a": "1", "b": "2"}
    assert [item.name for item in head.declared.items] == ["a", "b"]


def test_an_unchanged_generation_declares_nothing() -> None:
    head = advance(None, [], declared=payload(a="1"), generation=3)
    assert declare(head, payload(a="other"), 3, Merger("t", 200)).changes == ()


def test_a_new_generation_with_the_same_payload_declares_nothing() -> None:
    head = advance(None, [], declared=payload(a="1"))
    assert declare(head, payload(a="1"), 2, Merger("t", 200)).changes == ()


def test_a_member_edit_of_an_item_that_the_program_leaves_alone_survives_the_next_declaration() -> None:
    first = advance(None, [], declared=payload(a="1", b="2"))
    assert first is not None
    edited = advance(
        first, [change("a", "edited", dot("m1/p#1", 150), first.items[0].dot)], declared=payload(a="1", b="2")
    )
    head = advance(edited, [], declared=payload(a="1", b="3"), generation=2, now=200)
    assert head is not None
    assert texts(head) == {"a": "edited", "b": "3"}
    assert head.conflicts == []


def test_an_item_taken_out_of_the_program_is_deleted() -> None:
    first = advance(None, [], declared=payload(a="1", b="2"))
    head = advance(first, [], declared=payload(a="1"), generation=2, now=200)
    assert head is not None
    assert texts(head) == {"a": "1"}
    assert [item.deleted for item in head.items] == [None, True]


def test_a_declaration_is_later_than_all_that_the_head_has_taken_in_even_if_the_clock_is_behind() -> None:
    first = advance(None, [change("x", "1", dot("m1/p#1", 9_000))], declared=payload(a="1"))
    declaration = declare(first, payload(a="2"), 2, Merger("t", 5))
    assert first is not None
    assert all(c.dot.hlc > first.hlc for c in declaration.changes)
