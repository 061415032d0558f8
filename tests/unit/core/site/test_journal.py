"""The journal and what a site says of it."""

import pytest
from pydantic import ValidationError

from api.context_replica import Change, Problem
from api.dot import Dot
from api.item import ContextType, ItemContent
from core.site.detect import Present
from core.site.journal import Base, Held, Journal
from core.site.state import PUBLISHED_BYTES, site_state
from core.values import clock
from core.values.canonical import content_digest, payload_digest

SITE = "m1/pod-0#00000001"
DIGEST = "sha256:" + "1" * 64


def change(item: str, hlc: int, text: str = "x") -> Change:
    return Change(item=item, content=ItemContent(text=text), dot=Dot(site=SITE, hlc=clock.encode(hlc)))


def journal(*changes: Change, decided: int = 0) -> Journal:
    return Journal(
        site=SITE,
        incarnation="00000001",
        context_type=ContextType.RESOURCES,
        base=Base(version=3, chain_digest=DIGEST, version_vector={SITE: clock.encode(decided)}),
        held={"a": Held(digest=DIGEST, dot=Dot(site="declared", hlc=clock.encode(1))), "gone": Held()},
        pending={change.item: change for change in changes},
    )


def test_it_survives_its_file() -> None:
    before = journal(change("b", 5))
    assert Journal.model_validate_json(before.model_dump_json(by_alias=True, exclude_none=True)) == before


def test_a_file_of_another_format_is_refused() -> None:
    wire = {**journal().wire(), "format": 2}
    with pytest.raises(ValidationError):
        Journal.model_validate(wire)


def test_a_pending_change_is_expected_before_what_is_held() -> None:
    state = journal(change("a", 5), Change(item="b", deleted=True, dot=Dot(site=SITE, hlc=clock.encode(6))))
    assert state.expected("a") == content_digest(ItemContent(text="x"))
    assert state.expected("b") is None
    assert state.expected("gone") is None
    assert journal().expected("a") == DIGEST


def test_a_site_reports_its_base_and_all_undecided_changes_oldest_first() -> None:
    state = site_state(journal(change("b", 9), change("c", 7), change("d", 5), decided=5), "pod-0", Present({}, {}), [])
    assert [change.item for change in state.changes] == ["c", "b"]
    assert (state.site, state.pod) == (SITE, "pod-0")
    assert (state.base_version, state.base_digest, state.applied_version) == (3, DIGEST, 3)


def test_the_digest_reported_is_of_what_is_held_now_an_unreadable_item_as_it_was() -> None:
    present = Present.of({"b": ItemContent(text="2")}, frozenset({"a", "unknown"}))
    state = site_state(journal(), "pod-0", present, [])
    assert state.digest == payload_digest({"a": DIGEST, "b": content_digest(ItemContent(text="2"))})


def test_changes_that_etcd_could_not_store_together_are_reported_one_after_the_other() -> None:
    half = "x" * (PUBLISHED_BYTES // 5)
    state = site_state(
        journal(*(change(f"i{number}", number, half) for number in range(1, 9))), "p", Present({}, {}), []
    )
    assert [change.item for change in state.changes] == ["i1", "i2", "i3", "i4"]


def test_the_first_problems_are_reported() -> None:
    problems = [Problem(reason="R", message=str(number)) for number in range(30)]
    assert site_state(journal(), "p", Present({}, {}), problems).problems == problems[:20]
