"""inventory: a site hands over what it holds of its base, and nothing that it has changed or cannot read."""

from api.context_replica import Inventory
from core import canonical
from core.apply import complete, join
from core.detect import detect
from core.inventory import inventory
from core.site_state import site_state
from tests.unit.core.test_apply import SITE, Texts, applied, content, local, revision


def held(found: Inventory | None) -> dict[str, str | None]:
    assert found is not None
    return {item.name: item.content.text if item.content else None for item in found.items}


def test_all_of_the_base_is_handed_over_with_its_dots_and_its_deletions() -> None:
    texts: Texts = {"a": "1", "b": None, "c": "3"}
    head = revision(4, texts)
    found = inventory(applied(texts, 4), local(texts))
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
    now = local({"edited": "2", "same": "1", "restored": "2", "new": "1"}, "broken")
    assert held(inventory(detect(applied(texts), now, 50), now)) == {"same": "1"}


def test_an_edit_that_is_not_yet_detected_is_left_out_too() -> None:
    assert held(inventory(applied({"a": "1", "b": None}), local({"a": "2", "b": "2"}))) == {}


def test_what_the_base_holds_of_an_item_with_an_own_undecided_change_is_handed_over() -> None:
    edited = detect(applied({"a": "1", "b": "1"}), local({"a": "mine", "b": "1"}), 50)
    after = complete(edited, revision(2, {"a": "theirs", "b": "2"}), {"a"})
    assert held(inventory(after, local({"a": "mine", "b": "2"}))) == {"a": "theirs", "b": "2"}


def test_content_of_unknown_origin_and_a_site_that_applied_nothing_have_no_part() -> None:
    head = revision(1, {"a": "head"})
    joined = join(SITE, "00000001", head, local({"a": "found"}))
    assert inventory(joined, local({"a": "found"})) is None
    after = complete(joined, head, {"a"})
    assert held(inventory(after, local({"a": "found"}))) == {"a": "head"}


def test_an_inventory_takes_its_part_of_what_can_be_told_at_a_time() -> None:
    base = {f"base-{number}": 250_000 * "x" for number in range(3)}
    now = local({**base, "1": 250_000 * "y", "2": 250_000 * "y"})
    edited = detect(applied({**base}), now, 50)
    assert len(site_state(edited, "p", now, []).changes) == 2
    assert len(site_state(edited, "p", now, [], inventory(edited, now)).changes) == 1
