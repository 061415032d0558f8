"""detect: content digests now against what the journal expects → changes with dots. Never events, times or versions."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.condition import REASON_INVALID_ITEM, REASON_PAYLOAD_TOO_LARGE
from api.context_replica import Change, Problem
from api.dot import Dot
from api.item import ContextType, ItemContent
from api.names import INLINE_LIMIT_BYTES
from core.site.journal import Held, Journal
from core.values import canonical, clock
from core.values.canonical import content_digest
from core.values.item_rules import check

_MESSAGE_LIMIT = 1024


@dataclass(frozen=True)
class Present:
    """What a context directory holds now."""

    contents: Mapping[str, ItemContent]
    digests: Mapping[str, str]
    """Content digest of each of the contents."""
    unreadable: frozenset[str] = frozenset()
    """Items that have files which make no item: taken for neither changed nor deleted."""

    @classmethod
    def of(cls, contents: Mapping[str, ItemContent], unreadable: frozenset[str] = frozenset()) -> "Present":
        """With the digests computed."""
        return cls(contents, {name: content_digest(content) for name, content in contents.items()}, unreadable)


def detect(journal: Journal, present: Present, now_millis: int) -> Journal:
    """The journal with a change for every item that is not as expected; the same object if there is none.

    Local items are never changes.

    A change stays pending until it is decided: an edit back to the old content is a further change, because the
    first one may already be on its way. Its base dot is that of the item or tombstone that it replaces.
    What is found before the first revision is applied is of unknown age: it is dated right after that revision, so that
    it never wins over what came later.
    """
    changes: dict[str, Change] = {}
    hlc, now = journal.last_hlc, now_millis if journal.base.version else 0
    for item in sorted({*journal.held, *journal.pending, *present.digests} - present.unreadable):
        if present.digests.get(item) != journal.expected(item) and not journal.is_local(item):
            hlc = clock.tick(hlc, now)
            changes[item] = _change(
                item, present.contents.get(item), Dot(site=journal.site, hlc=hlc), journal.held.get(item)
            )
    if not changes:
        return journal
    return journal.model_copy(update={"last_hlc": hlc, "pending": {**journal.pending, **changes}})


def withhold(journal: Journal, present: Present) -> tuple[Present, list[Problem]]:
    """Local changes that no payload can hold, or that would break an MCP list, become unreadable, with a problem each.

    So they keep no other change back. What the journal expects is not judged: it came from the control plane, and only
    that can put it right.
    """
    changed = {name for name in present.contents if present.digests[name] != journal.expected(name)}
    problems = [found for name in changed if (found := _fault(journal.context_type, name, present.contents[name]))]
    if not problems:
        return present, []
    withheld = sorted(problems, key=lambda found: found.item or "")
    return _without(present, frozenset(found.item for found in withheld if found.item)), withheld


def _fault(context_type: ContextType, name: str, content: ItemContent) -> Problem | None:
    if faults := check(context_type, name, content):
        return problem(REASON_INVALID_ITEM, f"{name}: {faults[0]}", name)
    size = canonical.size([content.wire()])
    if size <= INLINE_LIMIT_BYTES:
        return None
    message = f"{name}: {size} bytes, a whole payload has at most {INLINE_LIMIT_BYTES}: shorten it or split it"
    return problem(REASON_PAYLOAD_TOO_LARGE, message, name)


def problem(reason: str, message: str, item: str | None = None) -> Problem:
    """A problem whose message fits."""
    return Problem(reason=reason, message=message[:_MESSAGE_LIMIT], item=item)


def _change(item: str, content: ItemContent | None, dot: Dot, held: Held | None) -> Change:
    base_dot = held.dot if held else None
    return Change(item=item, content=content, deleted=None if content else True, dot=dot, base_dot=base_dot)


def _without(present: Present, names: frozenset[str]) -> Present:
    return Present(
        {name: content for name, content in present.contents.items() if name not in names},
        {name: digest for name, digest in present.digests.items() if name not in names},
        present.unreadable | names,
    )
