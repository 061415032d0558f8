"""detect: what is a change, and what is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.context_replica import Change
from api.dot import Dot
from api.item import ContextType, ItemContent
from api.names import INLINE_LIMIT_BYTES
from core.site.brake import mass_deletion
from core.site.detect import Present, detect, withhold
from core.site.journal import Base, Held, Journal
from core.values import clock
from core.values.canonical import content_digest

SITE = "m1/pod-0#00000001"
NOW = 1_000_000
EARLIER = Dot(site="declared", hlc=clock.encode(10))


def content(text: str, name: str = "a") -> ItemContent:
    return ItemContent(definition={"uri": f"resource:///{name}"}, text=text)


def present(**texts: str) -> Present:
    return Present.of({name: content(text) for name, text in texts.items()})


def journal(pending: dict[str, str | None] | None = None, **held: str | None) -> Journal:
    """Holds each item at EARLIER; None is a tombstone. Pending changes have the dot that follows."""
    changes = {
        name: Change(
            item=name,
            content=None if text is None else content(text),
            deleted=True if text is None else None,
            dot=Dot(site=SITE, hlc=clock.encode(20)),
            base_dot=EARLIER,
        )
        for name, text in (pending or {}).items()
    }
    return Journal(
        site=SITE,
        incarnation="00000001",
        context_type=ContextType.RESOURCES,
        last_hlc=clock.encode(20),
        base=Base(version=1),
        held={
            name: Held(digest=None if text is None else content_digest(content(text)), dot=EARLIER)
            for name, text in held.items()
        },
        pending=changes,
    )


def test_what_is_as_expected_is_no_change() -> None:
    before = journal(a="1", gone=None)
    assert detect(before, present(a="1"), NOW) is before


@pytest.mark.parametrize(
    ("before", "now", "wanted", "base"),
    [
        pytest.param(journal(a="1"), present(a="2"), "2", EARLIER, id="edited"),
        pytest.param(journal(a="1"), present(), None, EARLIER, id="deleted"),
        pytest.param(journal(), present(a="1"), "1", None, id="added"),
        pytest.param(journal(a=None), present(a="1"), "1", EARLIER, id="created again after a deletion"),
        pytest.param(journal({"a": "2"}, a="1"), present(a="3"), "3", EARLIER, id="edited again"),
        pytest.param(journal({"a": "2"}, a="1"), present(a="1"), "1", EARLIER, id="edited back"),
        pytest.param(journal({"a": None}, a="1"), present(a="1"), "1", EARLIER, id="restored"),
        pytest.param(journal({"a": "2"}), present(), None, None, id="addition withdrawn"),
    ],
)
def test_a_difference_is_a_change_on_top_of_what_the_copy_was_set_from(
    before: Journal, now: Present, wanted: str | None, base: Dot | None
) -> None:
    change = detect(before, now, NOW).pending["a"]
    assert change.content == (content(wanted) if wanted else None)
    assert bool(change.deleted) == (wanted is None)
    assert change.base_dot == base
    assert change.dot == Dot(site=SITE, hlc=clock.encode(NOW))


def test_each_change_has_a_later_clock_than_all_before_even_if_the_wall_clock_stepped_back() -> None:
    after = detect(journal(), present(a="1", b="2", c="3"), now_millis=1)
    hlcs = [after.pending[name].dot.hlc for name in ("a", "b", "c")]
    assert hlcs == sorted(set(hlcs))
    assert hlcs[0] > clock.encode(20)
    assert after.last_hlc == hlcs[-1]


def test_what_is_found_before_the_first_revision_is_applied_is_dated_right_after_that() -> None:
    found = detect(journal().model_copy(update={"base": Base()}), present(a="of unknown age"), NOW)
    assert found.pending["a"].dot.hlc == clock.encode(20, 1)


def test_an_unreadable_item_is_neither_changed_nor_deleted() -> None:
    before = journal({"b": "2"}, a="1", b="1")
    assert detect(before, Present({}, {}, frozenset({"a", "b"})), NOW) is before


def test_a_change_that_would_break_a_list_is_withheld_and_reported() -> None:
    broken = ItemContent(definition={"uri": "no scheme"}, text="x")
    seen, problems = withhold(journal(a="1"), Present.of({"a": broken, "b": content("2", "b")}))
    assert seen.unreadable == {"a"}
    assert set(seen.digests) == set(seen.contents) == {"b"}
    assert [problem.item for problem in problems] == ["a"]


def test_a_change_that_no_payload_can_hold_is_withheld_and_keeps_no_other_back() -> None:
    large = ItemContent(definition={"uri": "resource:///a"}, data="A" * (INLINE_LIMIT_BYTES + 4))
    seen, problems = withhold(journal(), Present.of({"a": large, "b": content("2", "b")}))
    assert (seen.unreadable, set(seen.contents)) == ({"a"}, {"b"})
    assert [(found.item, found.reason) for found in problems] == [("a", "PayloadTooLarge")]
    assert str(INLINE_LIMIT_BYTES) in problems[0].message


def test_what_the_control_plane_sent_is_not_withheld_whatever_it_is() -> None:
    broken = ItemContent(definition={"uri": "no scheme"}, text="x")
    before = journal().model_copy(update={"held": {"a": Held(digest=content_digest(broken), dot=EARLIER)}})
    now = Present.of({"a": broken})
    assert withhold(before, now) == (now, [])


@pytest.mark.parametrize(
    ("before", "now", "vanished"),
    [
        pytest.param(journal(a="1", b="1"), present(), "ab", id="all of two"),
        pytest.param(journal(a="1", b="1", c="1", d="1", e="1"), present(a="1", b="1"), "cde", id="three of five"),
        pytest.param(
            journal({"e": "1"}, a="1", b="1", c="1", d="1"), present(a="1", b="1"), "cde", id="one not decided"
        ),
        pytest.param(journal(a="1"), present(), "", id="the only one"),
        pytest.param(journal({"b": None}, a="1", b="1"), present(), "ab", id="one after the other"),
        pytest.param(journal({"a": None, "b": None}, a="1", b="1"), present(), "", id="both confirmed"),
        pytest.param(journal(a="1", b="1"), present(a="1"), "", id="one of two"),
        pytest.param(journal(a="1", b="1", c="1"), present(a="1"), "", id="two of three"),
        pytest.param(journal(a="1", b="1", c="1", d="1", e="1", f="1"), present(a="1", b="1", c="1"), "", id="half"),
        pytest.param(journal(a="1", b="1"), Present({}, {}, frozenset({"a"})), "", id="one became unreadable"),
        pytest.param(journal(a="1", b="1"), present(c="1", d="1"), "", id="two renamed"),
        pytest.param(journal(a=None, b=None), present(), "", id="there was nothing"),
    ],
)
def test_too_many_items_that_vanish_at_once_are_not_taken_for_deleted(
    before: Journal, now: Present, vanished: str
) -> None:
    assert "".join(mass_deletion(before, now)) == vanished


texts = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"))


@given(held=texts, edits=st.lists(texts, min_size=1, max_size=4), clocks=st.lists(st.integers(0, 100), min_size=4))
def test_detection_settles_at_once_and_its_clock_only_grows(
    held: dict[str, str], edits: list[dict[str, str]], clocks: list[int]
) -> None:
    state: Any = journal(None, **held)
    for edit, now in zip(edits, clocks, strict=False):
        after = detect(state, present(**edit), now)
        assert detect(after, present(**edit), now + 1) is after
        assert all(after.expected(name) == present(**edit).digests.get(name) for name in "abcd")
        changed = [change for name, change in after.pending.items() if state.pending.get(name) != change]
        assert all(change.dot.hlc > state.last_hlc for change in changed)
        assert len({change.dot.hlc for change in after.pending.values()}) == len(after.pending)
        state = after
