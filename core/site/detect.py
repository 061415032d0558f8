"""detect: content digests now against what the journal expects → changes with dots. Never events, times or versions."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from api.condition import REASON_INVALID_ITEM
from api.context_replica import Change, Problem
from api.dot import Dot
from api.item import ItemContent
from core.site.journal import Held, Journal
from core.values import clock
from core.values.canonical import content_digest
from core.values.item_rules import check

_MESSAGE_LIMIT = 1024
_EMPTIED_LIMIT = 2
"""So many items that vanish at once, leaving none, are an unmounted or emptied volume rather than deletions."""
_MASS_LIMIT = 2
"""More items than this, and more than half of all, that vanish at once are rather a mistake."""


@dataclass(frozen=True)
class Local:
    """What a context directory holds now."""

    contents: Mapping[str, ItemContent]
    digests: Mapping[str, str]
    """Content digest of each of the contents."""
    unreadable: frozenset[str] = frozenset()
    """Items that have files which make no item: neither changed nor deleted, as far as anybody can tell."""

    @classmethod
    def of(cls, contents: Mapping[str, ItemContent], unreadable: frozenset[str] = frozenset()) -> "Local":
        """With the digests computed."""
        return cls(contents, {name: content_digest(content) for name, content in contents.items()}, unreadable)


def detect(journal: Journal, local: Local, now_millis: int) -> Journal:
    """The journal with a change for every item that is not as expected; the same object if there is none.

    Local items are never changes.

    A change stays pending until it is decided: an edit back to the old content is a further change, because the
    first one may already be on its way. Its base dot is that of the item it was made on, tombstones included.
    What is found before a first revision is applied may be as old as can be: it is dated right after that revision, so
    that it never wins over what came later.
    """
    changes: dict[str, Change] = {}
    hlc, now = journal.last_hlc, now_millis if journal.base.version else 0
    for item in sorted({*journal.held, *journal.pending, *local.digests} - local.unreadable):
        if local.digests.get(item) != journal.expected(item) and not journal.is_local(item):
            hlc = clock.tick(hlc, now)
            changes[item] = _change(
                item, local.contents.get(item), Dot(site=journal.site, hlc=hlc), journal.held.get(item)
            )
    if not changes:
        return journal
    return journal.model_copy(update={"last_hlc": hlc, "pending": {**journal.pending, **changes}})


def withhold(journal: Journal, local: Local) -> tuple[Local, list[Problem]]:
    """Local changes that would break an MCP list become unreadable, with a problem each.

    What the journal expects is not judged: it came from the control plane, and only that can put it right.
    """
    broken = {
        name: faults
        for name, content in local.contents.items()
        if local.digests[name] != journal.expected(name) and (faults := check(journal.context_type, name, content))
    }
    if not broken:
        return local, []
    problems = [problem(REASON_INVALID_ITEM, f"{name}: {faults[0]}", name) for name, faults in broken.items()]
    return _without(local, frozenset(broken)), problems


def mass_deletion(journal: Journal, local: Local) -> list[str]:
    """The items that vanished at once, if they are so many that a person must confirm it; otherwise none.

    Deletions that are not decided yet count with new ones: of one sweep, a part may have been seen before. Local items
    do not count: their deletion is nobody else's.
    """
    known = _shared(journal, {*journal.held, *journal.pending})
    there = {name for name in known if journal.expected(name) or (name in journal.held and journal.held[name].digest)}
    present = _shared(journal, {*local.digests, *local.unreadable})
    vanished = sorted(there - present)
    is_emptied = not present and len(vanished) >= _EMPTIED_LIMIT
    is_most = len(vanished) > max(_MASS_LIMIT, len(there) / 2)
    is_new = any(journal.expected(name) for name in vanished)
    return vanished if is_new and (is_emptied or is_most) else []


def problem(reason: str, message: str, item: str | None = None) -> Problem:
    """A problem whose message fits."""
    return Problem(reason=reason, message=message[:_MESSAGE_LIMIT], item=item)


def _shared(journal: Journal, names: Set[str]) -> set[str]:
    return {name for name in names if not journal.is_local(name)}


def _change(item: str, content: ItemContent | None, dot: Dot, held: Held | None) -> Change:
    base_dot = held.dot if held else None
    return Change(item=item, content=content, deleted=None if content else True, dot=dot, base_dot=base_dot)


def _without(local: Local, names: frozenset[str]) -> Local:
    return Local(
        {name: content for name, content in local.contents.items() if name not in names},
        {name: digest for name, digest in local.digests.items() if name not in names},
        local.unreadable | names,
    )
