"""Revisions are numbered without gaps and form a chain that shows any tampering."""

from typing import Any

from core.values.chain import chain_digest, digest_of
from tests.unit.core.scene import advance, change, dot, payload


def test_versions_count_up_and_each_names_its_parent() -> None:
    first = advance(None, [], declared=payload(a="1"))
    assert first is not None
    second = advance(first, [change("b", "2", dot("m1/p#1", 200))])
    assert second is not None
    assert (first.version, second.version) == (1, 2)
    assert first.parent is None
    assert second.parent == first.chain_digest


def test_the_chain_digest_covers_every_field() -> None:
    revision = advance(None, [], declared=payload(a="1"))
    assert revision is not None
    assert chain_digest(revision) == revision.chain_digest
    updates: list[dict[str, Any]] = [
        {"version": 7},
        {"timestamp": "x"},
        {"items": []},
        {"version_vector": {}},
        {"parent": revision.digest},
    ]
    for update in updates:
        assert chain_digest(revision.model_copy(update=update)) != revision.chain_digest


def test_a_deleted_item_does_not_count_in_the_payload_digest() -> None:
    first = advance(None, [], declared=payload(a="1"))
    second = advance(first, [change("b", "2", dot("m1/p#1", 200))])
    assert second is not None
    third = advance(second, [change("b", None, dot("m1/p#1", 300))])
    assert first is not None
    assert third is not None
    assert third.digest == first.digest == digest_of(third.items)


def test_a_revision_is_later_than_everything_it_has_taken_in() -> None:
    revision = advance(None, [change("a", "1", dot("m1/p#1", 9_000))], now=5)
    assert revision is not None
    assert revision.hlc > max(revision.version_vector.values())


def test_a_context_without_items_has_a_first_revision_too() -> None:
    revision = advance(None, [])
    assert revision is not None
    assert revision.items == []
