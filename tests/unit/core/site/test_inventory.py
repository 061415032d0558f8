"""inventory: a site hands over what it holds of its base, and nothing that it has changed or cannot read."""

from api.context_replica import Change, Inventory
from api.context_revision import Declared
from core.hub.commit import next_revision
from core.hub.merge import Merger
from core.hub.recover import recover
from core.site.detect import detect
from core.site.inventory import inventory
from core.site.plan import complete, first_journal
from core.site.state import site_state
from core.values import canonical
from tests.unit.core.site.test_plan import SITE, Texts, applied, content, present, revision
from tests.unit.core.test_member_protocol import FEDERATED, Federation, Member


def held(found: Inventory | None) -> dict[str, str | None]:
    assert found is not None
    return {item.name: item.content.text if item.content else None for item in found.items}


def test_all_of_the_base_is_handed_over_with_its_dots_and_its_deletions() -> None:
    texts: Texts = {"a": "1", "b": None, "c": "3"}
    head = revision(4, texts)
    found = inventory(applied(texts, 4), present(texts))
    assert held(found) == texts
    assert found is not None
    assert (found.epoch, found.version, found.chain_digest) == (0, 4, head.spec.chain_digest)
    assert found.version_vector == head.spec.version_vector
    assert {item.name: item.dot for item in found.items} == {name: held.dot for name, held in head.targets.items()}
    assert {item.name: item.digest for item in found.items if item.content} == {
        name: canonical.content_digest(content(text)) for name, text in texts.items() if text
    }


def test_what_the_site_has_changed_itself_or_cannot_be_read_is_left_out() -> None:
    texts: Texts = {"edited": "1", "deleted": "1", "broken": "1", "same": "1", "restored": None}
    now = present({"edited": "2", "same": "1", "restored": "2", "new": "1"}, "broken")
    assert held(inventory(detect(applied(texts), now, 50), now)) == {"same": "1"}


def test_an_edit_that_is_not_yet_detected_is_left_out_too() -> None:
    assert held(inventory(applied({"a": "1", "b": None}), present({"a": "2", "b": "2"}))) == {}


def test_what_the_base_holds_of_an_item_with_an_own_undecided_change_is_handed_over() -> None:
    edited = detect(applied({"a": "1", "b": "1"}), present({"a": "mine", "b": "1"}), 50)
    after = complete(edited, revision(2, {"a": "theirs", "b": "2"}), {"a"})
    assert held(inventory(after, present({"a": "mine", "b": "2"}))) == {"a": "theirs", "b": "2"}


def test_content_of_unknown_origin_and_a_site_that_applied_nothing_have_no_part() -> None:
    head = revision(1, {"a": "head"})
    joined = first_journal(SITE, "00000001", head, present({"a": "found"}))
    assert inventory(joined, present({"a": "found"})) is None
    after = complete(joined, head, {"a"})
    assert held(inventory(after, present({"a": "found"}))) == {"a": "head"}


def test_an_inventory_takes_its_part_of_what_can_be_reported_at_a_time() -> None:
    base = {f"base-{number}": 250_000 * "x" for number in range(3)}
    now = present({**base, "1": 250_000 * "y", "2": 250_000 * "y"})
    edited = detect(applied({**base}), now, 50)
    assert len(site_state(edited, "p", now, []).changes) == 2
    assert len(site_state(edited, "p", now, [], inventory(edited, now)).changes) == 1


def test_a_restored_control_plane_gets_back_another_members_edit_that_an_own_one_kept_from_being_applied() -> None:
    federation = Federation()
    federation.declare()
    first, other = federation.members["m1"], federation.members["m2"]
    for member in (first, other):
        member.apply(federation.revision(), 10, None)
    other.present["a"] = "theirs"
    other.detect(20)
    federation.commit([*pending(other)], 30)
    first.present["a"] = "mine"
    first.apply(federation.revision(), 40, None)
    assert first.journal is not None
    assert first.journal.waiting.keys() == {"a"}

    del federation.revisions[1:]  # the store is restored, and the other member is gone
    lost = inventory(first.journal, first.seen())
    assert lost is not None
    head = federation.revisions[-1]
    recovery = recover(federation.revisions, lost, [], FEDERATED.spec, Merger("again", 50))
    assert recovery is not None
    federation.revisions.append(next_revision("c", head, recovery.merged, Declared(), 50, recovery.number))
    assert [item.content.text for item in federation.revisions[-1].items if item.content] == ["theirs"]

    first.apply(federation.revision(), 60, None)
    federation.commit([*pending(first)], 70)
    (record,) = federation.revisions[-1].conflicts
    assert record.lost.content is not None
    assert record.lost.content.text == "theirs"
    first.apply(federation.revision(), 80, None)
    assert (first.present, pending(first)) == ({"a": "mine"}, [])


def pending(member: Member) -> list[Change]:
    return list(member.journal.pending.values()) if member.journal else []
