"""Local items: seeded by the head, then each pod's own, and never a difference that anybody has to look at."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from api.context_replica import Problem
from api.mcp_context import LocalRule
from core.site.brake import mass_deletion
from core.site.detect import detect
from core.site.inventory import inventory
from core.site.journal import Journal
from core.site.plan import Desired, Plan, complete, first_journal, plan
from core.site.state import site_state
from core.values.local_items import comparable, is_local, local_rules
from tests.unit.core.hub.test_decide import wanted
from tests.unit.core.site import test_plan as test_apply
from tests.unit.core.site.test_plan import SITE, Texts, content, present
from tests.unit.core.test_member_protocol import FEDERATED, ITEMS, MEMBERS, Federation

OWN = [LocalRule(match="own/*", local=True)]


def revision(version: int, texts: Texts, rules: list[LocalRule] | None = OWN) -> Desired:
    spec = test_apply.revision(version, texts).spec
    return Desired.of(spec.model_copy(update={"local_items": rules}))


def applied(texts: Texts, rules: list[LocalRule] | None = OWN, version: int = 1) -> Journal:
    head = revision(version, texts, rules)
    return complete(first_journal(SITE, "00000001", head, present({})), head, frozenset())


def brought_up(journal: Journal, head: Desired, texts: Mapping[str, str]) -> tuple[Journal, dict[str, str]]:
    """The journal and the files once the revision is applied and nothing is left to do."""
    files = dict(texts)
    found = plan(detect(journal, present({**files}), 50), head, present({**files}))
    assert isinstance(found, Plan), found
    for write in found.writes:
        files.pop(write.item, None)
        if write.content is not None:
            files[write.item] = write.content.text or ""
    after = complete(journal, head, found.kept)
    detected = detect(after, present({**files}), 60)
    assert plan(detected, head, present({**files})) is None, "it comes to rest"
    return detected, files


@pytest.mark.parametrize(
    ("directions", "default", "expected"),
    [
        pytest.param([], "TwoWay", None, id="none"),
        pytest.param([], "Local", [("*", True)], id="all"),
        pytest.param([("notes/*", "Local")], "TwoWay", [("notes/*", True)], id="some"),
        pytest.param(
            [("notes/team", "TwoWay"), ("notes/*", "Local"), ("x", "FromMember")],
            "TwoWay",
            [("notes/team", False), ("notes/*", True)],
            id="an exception in front",
        ),
        pytest.param([("x", "FromControlPlane")], "Local", [("x", False), ("*", True)], id="all but one"),
        pytest.param([("x", "FromControlPlane")], "TwoWay", None, id="other directions"),
    ],
)
def test_members_are_told_the_rules_that_make_items_local(
    directions: list[tuple[str, str]], default: str, expected: list[tuple[str, bool]] | None
) -> None:
    rules = [{"match": match, "direction": direction} for match, direction in directions]
    found = local_rules(
        wanted(direction=default, conflictPolicy={"rules": [{"match": "*", "policy": "Manual"}, *rules]})
    )
    assert ([(one.match, one.local) for one in found] if found else None) == expected


def test_the_first_rule_that_matches_decides_also_for_items_that_nobody_declared() -> None:
    rules = [LocalRule(match="notes/team", local=False), LocalRule(match="notes/*", local=True)]
    assert [is_local(rules, name) for name in ("notes/team", "notes/any", "other")] == [False, True, False]
    assert not is_local(None, "notes/any")


def test_local_items_count_as_what_the_revision_holds() -> None:
    held = {"a": "1", "own/x": "mine", "own/added": "mine"}
    assert comparable(held, OWN, {"own/x": "seed", "own/deleted": "seed"}) == {
        "a": "1",
        "own/x": "seed",
        "own/deleted": "seed",
    }


def test_a_local_item_is_seeded_and_then_neither_told_nor_overwritten() -> None:
    journal, files = brought_up(
        first_journal(SITE, "1", revision(1, {"own/x": "seed"}), present({})), revision(1, {"own/x": "seed"}), {}
    )
    assert files == {"own/x": "seed"}
    journal, files = brought_up(journal, revision(2, {"own/x": "new", "a": "1"}), {"own/x": "mine", "own/y": "added"})
    assert files == {"own/x": "mine", "own/y": "added", "a": "1"}
    assert journal.pending == {}


def test_a_deleted_copy_stays_deleted_until_the_item_is_declared_anew() -> None:
    journal = applied({"own/x": "seed"})
    journal, files = brought_up(journal, same_dots(2), {})
    assert files == {"a": "1"}
    _, files = brought_up(journal, revision(3, {"own/x": "new", "a": "1"}), files)
    assert files == {"own/x": "new", "a": "1"}


def same_dots(version: int) -> Desired:
    """A later revision in which the item of the first is as it was."""
    first, later = revision(1, {"own/x": "seed"}).spec, revision(version, {"own/x": "seed", "a": "1"}).spec
    payload = later.context_payload.model_copy(
        update={"items": [first.context_payload.items[0], later.context_payload.items[1]]}
    )
    return Desired.of(later.model_copy(update={"context_payload": payload}))


def test_a_copy_stays_when_the_declaration_drops_the_item() -> None:
    for mine in ("seed", "mine"):
        journal, files = brought_up(applied({"own/x": "seed"}), revision(2, {"own/x": None}), {"own/x": mine})
        assert (files, journal.pending) == ({"own/x": mine}, {})


def test_what_is_found_without_a_journal_stays_too() -> None:
    head, found = revision(1, {"own/x": "seed", "a": "1"}), {"own/x": "found", "own/y": "found", "a": "found"}
    journal, files = brought_up(first_journal(SITE, "1", head, present({**found})), head, found)
    assert files == {"own/x": "found", "own/y": "found", "a": "1"}
    assert journal.pending == {}


def test_what_is_found_is_not_told_even_if_a_crash_follows_the_first_look() -> None:
    found = present({"own/y": "found", "b": "found"})
    joined = first_journal(SITE, "1", revision(1, {"own/x": "seed"}), found)
    assert detect(joined, found, 50).pending.keys() == {"b"}


def test_an_undecided_change_is_withdrawn_when_its_item_becomes_local_and_the_file_stays() -> None:
    shared = applied({"own/x": "seed"}, None)
    edited = detect(shared, present({"own/x": "mine"}), 50)
    assert edited.pending.keys() == {"own/x"}
    journal, files = brought_up(edited, revision(1, {"own/x": "seed"}), {"own/x": "mine"})
    assert (journal.pending, files) == ({}, {"own/x": "mine"})
    journal, files = brought_up(edited, revision(2, {"own/x": "mine"}), {"own/x": "mine"})
    assert (journal.pending, files) == ({}, {"own/x": "mine"})


def test_a_copy_of_its_own_becomes_an_ordinary_change_when_its_item_is_local_no_longer() -> None:
    own = applied({"own/x": "seed", "own/y": "seed", "own/z": "seed"})
    own, files = brought_up(
        own, revision(2, {"own/x": "new", "own/y": "new", "own/z": "new"}), {"own/x": "mine", "own/y": "seed"}
    )
    assert files == {"own/x": "mine", "own/y": "seed", "own/z": "new"}
    head = revision(2, {"own/x": "new", "own/y": "new", "own/z": "new"}, None)
    journal, files = brought_up(own, head, {**files, "own/w": "added"})
    assert files == {"own/x": "mine", "own/y": "new", "own/z": "new", "own/w": "added"}
    seed = test_apply.revision(1, {"own/x": "seed"}).targets["own/x"].dot
    assert {name: change.base_dot for name, change in journal.pending.items()} == {"own/x": seed, "own/w": None}
    assert journal.pending["own/x"].content == content("mine")


def test_a_site_with_copies_of_its_own_says_that_it_holds_the_revision() -> None:
    head = revision(2, {"own/x": "new", "own/gone": "new", "a": "1"})
    journal = applied({"own/x": "seed", "own/gone": "seed", "a": "1"})
    journal = complete(journal, head, frozenset({"own/x", "own/gone"}))
    now = present({"own/x": "mine", "own/y": "added", "a": "1"})
    assert site_state(journal, "p", now, list[Problem]()).digest == head.spec.digest
    assert site_state(journal, "p", present({"own/x": "mine", "a": "2"}), []).digest != head.spec.digest


def test_an_inventory_has_what_was_seeded_and_no_copy_of_its_own() -> None:
    texts: Texts = {"own/x": "seed", "own/y": "seed", "a": "1"}
    found = inventory(applied(texts), present({"own/x": "mine", "own/y": "seed", "own/z": "added", "a": "1"}))
    assert found is not None
    assert {item.name: item.content.text for item in found.items if item.content} == texts


def test_a_copy_of_which_the_revision_knows_nothing_any_more_is_not_in_the_inventory() -> None:
    journal = complete(applied({"own/x": "seed"}), revision(2, {"a": "1"}), frozenset({"own/x"}))
    found = inventory(journal, present({"own/x": "seed", "a": "1"}))
    assert found is not None
    assert [item.name for item in found.items] == ["a"]


def test_the_brake_does_not_count_local_items() -> None:
    texts: Texts = {**{f"own/{number}": "seed" for number in range(6)}, "a": "1", "b": "1"}
    journal = applied(texts)
    assert mass_deletion(journal, present({"a": "1", "b": "1"})) == []
    assert mass_deletion(journal, present({f"own/{number}": "seed" for number in range(6)})) == ["a", "b"]


def federated(direction: str) -> Any:
    policy = {"rules": [{"match": "b", "direction": direction}]}
    spec = type(FEDERATED.spec).model_validate({**FEDERATED.spec.wire(), "conflictPolicy": policy})
    return FEDERATED.model_copy(update={"spec": spec})


class ChangingDirections(Federation):
    """The same members, while item `b` becomes local and shared again at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: dict[tuple[str, str], str] = {}
        """What each member wrote last; nothing of what it wrote before it joined, or of what it deleted."""

    @rule(name=st.sampled_from(MEMBERS), item=st.sampled_from(ITEMS))
    def edit(self, name: str, item: str) -> None:
        text = f"{name}-{next(self.texts)}"
        self.authors[text] = name
        self.members[name].present[item] = text
        if self.members[name].journal is not None:
            self.latest[name, item] = text

    @rule(name=st.sampled_from(MEMBERS), item=st.sampled_from(ITEMS))
    def delete(self, name: str, item: str) -> None:
        self.members[name].present.pop(item, None)
        self.latest.pop((name, item), None)

    @rule(direction=st.sampled_from(["Local", "TwoWay"]))
    def direct(self, direction: str) -> None:
        self.federated = federated(direction)

    @invariant()
    def no_edit_is_lost(self) -> None:
        kept = {item.content.text for head in self.revisions for item in head.items if item.content}
        kept |= {found.lost.content.text for head in self.revisions for found in head.conflicts if found.lost.content}
        for (name, item), text in self.latest.items():
            assert text in kept or self.members[name].present.get(item) == text, (name, item, text)

    @invariant()
    def no_own_copy_is_pending(self) -> None:
        for member in self.members.values():
            if (journal := member.journal) is not None:
                assert not any(journal.is_local(item) for item in journal.pending)

    def every_edit_is_accounted_for(self) -> None:
        """What was published may have been withdrawn: `no_edit_is_lost` is the measure here."""
        self.no_edit_is_lost()

    def teardown(self) -> None:
        if not self.revisions:
            return
        self.federated = federated("Local")
        for member in self.members.values():
            member.apply(self.revision(), 90, None)
        before = {name: member.present.get("b") for name, member in self.members.items()}
        come_to_rest(self)
        after = {name: member.present.get("b") for name, member in self.members.items()}
        assert after == before, "nobody's own copy is touched"
        self.federated = federated("TwoWay")
        super().teardown()


def come_to_rest(federation: Federation) -> None:
    """Edits of what is shared come to rest, and everybody says to hold the head."""
    for _ in range(4):
        for member in federation.members.values():
            member.apply(federation.revision(), 100, None)
            member.detect(100)
            if state := member.state():
                assert all(change.item != "b" for change in state.changes)
                federation.mail.append(state.changes)
                federation.commit(state.changes, 100)
    head = federation.revisions[-1]
    for member in federation.members.values():
        member.apply(federation.revision(), 110, None)
        state = member.state()
        assert state is not None
        assert state.digest == head.digest


TestChangingDirections = ChangingDirections.TestCase
TestChangingDirections.settings = settings(max_examples=60, stateful_step_count=30)
