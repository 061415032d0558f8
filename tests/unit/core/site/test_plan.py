"""apply: which revision is taken, what of it is written, and what the site holds afterwards."""

from api.dot import Dot
from api.item import ContextType, Item, ItemContent
from api.mcp_context import MCPContextSpec, ServedItem, ServedPayload, Tombstone
from core.site.detect import Present, detect
from core.site.journal import Journal
from core.site.plan import (
    REASON_DIGEST_MISMATCH,
    REASON_RECOVERY_NEEDED,
    Desired,
    Plan,
    Refusal,
    complete,
    first_journal,
    plan,
)
from core.values import canonical, clock

SITE = "m1/pod-0#00000001"
Texts = dict[str, str | None]


def content(text: str) -> ItemContent:
    return ItemContent(definition={"uri": "resource:///x"}, text=text)


def present(texts: Texts, *unreadable: str) -> Present:
    live = {name: content(text) for name, text in texts.items() if text is not None}
    return Present.of(live, frozenset(unreadable))


def revision(version: int, texts: Texts, vector: dict[str, int] | None = None, epoch: int = 0) -> Desired:
    """Each item has a dot of the revision; None is a tombstone."""
    dot = Dot(site="declared", hlc=clock.encode(version))
    live = {name: content(text) for name, text in texts.items() if text is not None}
    digests = {name: canonical.content_digest(value) for name, value in live.items()}
    items = [ServedItem.model_validate({**Item.of(name, value).wire(), "dot": dot}) for name, value in live.items()]
    decided = {site: clock.encode(millis) for site, millis in (vector or {}).items()}
    spec = MCPContextSpec(
        mcp_server_name="s",
        context_type=ContextType.RESOURCES,
        context_payload=ServedPayload(items=items),
        tombstones=[Tombstone(name=name, dot=dot) for name, text in texts.items() if text is None],
        epoch=epoch,
        version=version,
        timestamp="2026-01-01T00:00:00.000Z",
        digest=canonical.payload_digest(digests),
        chain_digest=canonical.digest([epoch, version, digests, decided]),
        version_vector={"declared": dot.hlc, **decided},
    )
    return Desired.of(spec)


def applied(texts: Texts, version: int = 1) -> Journal:
    """The journal of a site that has joined with nothing and applied a revision."""
    head = revision(version, texts)
    return complete(first_journal(SITE, "00000001", head, present({})), head, frozenset())


def planned(journal: Journal, head: Desired, now: Present) -> Plan:
    found = plan(journal, head, now)
    assert isinstance(found, Plan), found
    return found


def test_only_what_differs_is_written_removals_first() -> None:
    texts: Texts = {"a": "1", "b": "1", "c": "1"}
    found = planned(applied(texts), revision(2, {"a": "2", "b": "1", "d": "1"}), present(texts))
    assert [(write.item, write.content) for write in found.writes] == [
        ("c", None),
        ("a", content("2")),
        ("d", content("1")),
    ]
    assert found.kept == frozenset()


def test_nothing_is_found_to_have_changed_after_a_revision_is_applied() -> None:
    head = revision(2, {"a": "2", "b": None, "c": "1"})
    after = complete(applied({"a": "1", "b": "1"}), head, frozenset())
    now = present({"a": "2", "c": "1"})
    assert detect(after, now, 99) is after
    assert plan(after, head, now) is None


def test_an_undecided_change_is_kept_and_a_decided_one_is_not() -> None:
    edited = detect(applied({"a": "1", "b": "1"}), present({"a": "mine", "b": "1"}), 50)
    now, dot = present({"a": "mine", "b": "1"}), edited.pending["a"].dot
    head = revision(2, {"a": "theirs", "b": "2"})
    first = planned(edited, head, now)
    assert ([write.item for write in first.writes], first.kept) == (["b"], {"a"})
    after = complete(edited, head, first.kept)
    assert after.pending == edited.pending
    assert after.held["a"] == edited.held["a"], "a further edit has not seen the revision"

    decided = revision(3, {"a": "theirs", "b": "2"}, {SITE: clock.millis(dot.hlc)})
    second = planned(after, decided, present({"a": "mine", "b": "2"}))
    assert [write.item for write in second.writes] == ["a"]
    assert complete(after, decided, second.kept).pending == {}


def test_an_accepted_change_needs_no_write() -> None:
    edited = detect(applied({"a": "1"}), present({"a": "mine"}), 50)
    head = revision(2, {"a": "mine"}, {SITE: 50})
    found = planned(edited, head, present({"a": "mine"}))
    assert found.writes == ()
    assert complete(edited, head, found.kept).pending == {}


def test_an_unreadable_item_is_kept_and_brought_up_once_it_is_readable_as_before() -> None:
    before, head = applied({"a": "1", "b": "1"}), revision(2, {"a": "2", "b": "2"})
    first = planned(before, head, present({"b": "1"}, "a"))
    assert ([write.item for write in first.writes], first.kept) == (["b"], {"a"})
    after = complete(before, head, first.kept)
    assert plan(after, head, present({"b": "2"}, "a")) is None
    again = planned(after, head, present({"a": "1", "b": "2"}))
    assert [write.item for write in again.writes] == ["a"]


def test_an_item_kept_because_of_an_edit_this_instant_becomes_a_change_on_the_old_base() -> None:
    before, head = applied({"a": "1"}), revision(2, {"a": "2"})
    after = detect(complete(before, head, {"a"}), present({"a": "mine"}), 50)
    assert after.pending["a"].base_dot == before.held["a"].dot
    assert plan(after, head, present({"a": "mine"})) is None


def test_a_revision_that_does_not_follow_from_the_base_is_refused() -> None:
    before = applied({"a": "1"}, version=5)
    now = present({"a": "1"})
    older, fork = revision(4, {"a": "1"}), revision(5, {"a": "other"})
    behind = revision(6, {"a": "2"})
    behind = Desired.of(behind.spec.model_copy(update={"version_vector": {}}))
    vector = before.base.version_vector
    older_with_all = Desired.of(older.spec.model_copy(update={"version_vector": vector}))
    for refused in (older, older_with_all, fork, behind):
        found = plan(before, refused, now)
        assert isinstance(found, Refusal)
        assert found.reason == REASON_RECOVERY_NEEDED
    assert isinstance(plan(before, revision(1, {"a": "2"}, {"declared": 5}, epoch=1), now), Plan)


def test_only_a_revision_that_the_base_has_left_behind_may_just_be_late() -> None:
    before = applied({"a": "1"}, version=5)
    older, fork, same = revision(4, {"a": "1"}), revision(4, {"a": "1"}, {"m2/p#1": 9}), revision(5, {"a": "other"})
    for refused, late in ((older, True), (fork, False), (same, False)):
        found = plan(before, refused, present({"a": "1"}))
        assert isinstance(found, Refusal)
        assert found.is_older is late


def test_what_a_revision_holds_of_a_kept_item_waits_in_the_journal_until_the_item_is_brought_up() -> None:
    edited = detect(applied({"a": "1", "b": "1"}), present({"a": "mine", "b": "mine"}), 50)
    head = revision(2, {"a": "theirs", "b": None})
    after = complete(edited, head, {"a", "b"})
    assert {name: item.content for name, item in after.waiting.items()} == {"a": content("theirs"), "b": None}
    assert {item.dot for item in after.waiting.values()} == {head.targets["a"].dot}
    assert complete(after, head, {"b"}).waiting.keys() == {"b"}
    assert complete(after, revision(3, {"a": "theirs", "b": "1"}), frozenset()).waiting == {}


def test_a_payload_that_is_not_what_its_digest_says_is_refused() -> None:
    head = revision(2, {"a": "2"})
    forged = Desired.of(head.spec.model_copy(update={"digest": "sha256:" + "0" * 64}))
    found = plan(applied({"a": "1"}), forged, present({"a": "1"}))
    assert isinstance(found, Refusal)
    assert found.reason == REASON_DIGEST_MISMATCH


def test_the_clock_follows_what_a_revision_has_taken_in() -> None:
    head = revision(2, {"a": "2"}, {"m2/other#1": 9_000})
    after = complete(applied({"a": "1"}), head, frozenset())
    assert detect(after, present({"a": "3"}), 10).pending["a"].dot.hlc > clock.encode(9_000)


def test_a_joining_site_yields_to_the_head_and_offers_what_the_head_does_not_know() -> None:
    head = revision(7, {"same": "1", "other": "head", "deleted": None, "absent": "1"}, {"m2/p#1": 500})
    now = present({"same": "1", "other": "found", "deleted": "found", "new": "found"})
    joined = detect(first_journal(SITE, "00000001", head, now), now, 10)
    assert {name: change.base_dot for name, change in joined.pending.items()} == {"new": None}
    assert joined.pending["new"].dot.hlc > clock.encode(500)

    found = planned(joined, head, now)
    assert [(write.item, write.unique) for write in found.writes] == [
        ("deleted", True),
        ("absent", False),
        ("other", True),
    ]
    assert found.kept == {"new"}


def test_an_edit_during_a_join_has_not_seen_the_head() -> None:
    head = revision(7, {"a": "head"})
    joined = first_journal(SITE, "00000001", head, present({"a": "found"}))
    assert detect(joined, present({"a": "edited"}), 10).pending["a"].base_dot is None
