"""What a site holds: the revision it has applied and its own undecided changes."""

from typing import Any

from api.context_replica import SiteState
from core.inspection.site_payload import site_payload
from core.values.canonical import content_digest, payload_digest
from tests.unit.core.past import began
from tests.unit.core.scene import change, content, dot

HISTORY = began(a="1", b="2")


def site(**fields: Any) -> SiteState:
    return SiteState(site="m1/p#1", base_version=1, base_digest=HISTORY[0].chain_digest, **fields)


def test_a_site_that_has_changed_nothing_holds_what_it_has_applied() -> None:
    held = site_payload(HISTORY, site(digest=HISTORY[0].digest))
    assert held is not None
    assert held.contents == {"a": content("1"), "b": content("2")}
    assert held.is_exact


def test_undecided_changes_and_deletions_are_part_of_what_it_holds() -> None:
    changes = [change("a", "mine", dot("m1/p#1", 2000)), change("b", None, dot("m1/p#1", 2001))]
    held = site_payload(HISTORY, site(changes=changes, digest=payload_digest({"a": content_digest(content("mine"))})))
    assert held is not None
    assert held.contents == {"a": content("mine")}
    assert held.is_exact


def test_a_site_whose_digest_is_another_holds_something_it_has_not_proposed() -> None:
    held = site_payload(HISTORY, site(digest=payload_digest({})))
    assert held is not None
    assert not held.is_exact


def test_nothing_can_be_said_of_a_site_that_stands_on_a_revision_no_longer_retained() -> None:
    assert site_payload([], site()) is None
