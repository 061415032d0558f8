"""The oracle: what each writer had really seen, independent of what the protocol believes.

Every edit is an event. A disk remembers, hidden from the agent, which event made what it holds now; an event's past is
what the writer had before its eyes, and the past of that. Dots are names that the protocol gives to events later.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from api.dot import Dot
from tests.model.violation import Invariant, require

Name = tuple[str, str]
"""A dot as (site, HLC)."""


def name_of(dot: Dot) -> Name:
    return (dot.site, dot.hlc)


@dataclass(frozen=True)
class Event:
    """One edit of one item."""

    number: int
    item: str
    text: str | None
    """None deletes the item."""
    writer: str
    past: frozenset[int]
    """Events that the writer had seen."""


@dataclass
class Oracle:
    """All events, and what has become of them."""

    events: list[Event] = field(default_factory=list[Event])
    by_dot: dict[Name, int] = field(default_factory=dict[Name, int])
    dots_of: dict[int, Name] = field(default_factory=dict[int, Name])
    processed: set[Name] = field(default_factory=set[Name])
    promised: set[Name] = field(default_factory=set[Name])
    """Changes that a member's API server has stored: their pod may die."""
    accounted: set[Name] = field(default_factory=set[Name])
    """Promised changes that some revision's version vector has included."""
    forgotten: set[int] = field(default_factory=set[int])
    """Deletions that are so old that no revision carries them on."""
    losers: set[int] = field(default_factory=set[int])
    merged: set[int] = field(default_factory=set[int])
    """What the control plane made of several edits."""
    unsure: set[int] = field(default_factory=set[int])
    """Edits of which the agent cannot know what their writer saw: in the middle of a write, or before a journal."""
    declared_again: set[int] = field(default_factory=set[int])
    """Declarations that a restored store had lost: it declares them again, as changes that nobody has seen."""
    same: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    """Events with the same content, of which the protocol keeps one for all."""

    def event(self, item: str, text: str | None, writer: str, seen: Iterable[int]) -> int:
        """A new event whose writer saw what those events had made."""
        past: frozenset[int] = frozenset()
        for number in seen:
            past |= self.events[number].past | {number}
        self.events.append(Event(len(self.events), item, text, writer, past))
        return len(self.events) - 1

    def bind(self, dot: Dot, event: int) -> None:
        """The protocol calls an event by this dot."""
        known = self.dots_of.setdefault(event, name_of(dot))
        require(
            known == name_of(dot),
            Invariant.I12_NO_STALE_AS_NEW,
            f"{self.describe(event)} was {known} and is proposed again as {name_of(dot)}",
        )
        self.by_dot[name_of(dot)] = event

    def equate(self, event: int, other: int) -> None:
        """Both have the same content: the protocol may keep either for both."""
        if event != other:
            both = self.same.get(event, {event}) | self.same.get(other, {other})
            self.same.update(dict.fromkeys(both, both))

    def equals(self, event: int) -> set[int]:
        """The event, and those that it was equated with."""
        return self.same.get(event, {event})

    def forget(self, processed: frozenset[Name], accounted: frozenset[Name]) -> None:
        """The store is as it was when it had taken in only these changes; it may declare again what it has lost."""
        lost = self.processed - processed
        for event in {self.by_dot[dot] for dot in lost if dot in self.by_dot}:
            if self.events[event].writer == "declared":
                del self.dots_of[event]
                self.declared_again.add(event)
        self.processed, self.accounted = set(processed), set(accounted)

    def take_in(self, dot: Dot) -> None:
        """A revision has decided the change."""
        require(name_of(dot) not in self.processed, Invariant.I4_EXACTLY_ONCE, f"{name_of(dot)} was taken in twice")
        self.processed.add(name_of(dot))

    def decided(self) -> set[int]:
        """Events whose changes a revision has decided."""
        return {self.by_dot[dot] for dot in self.processed if dot in self.by_dot}

    def describe(self, event: int) -> str:
        """An event, for a person."""
        known = self.events[event]
        what = "deletion" if known.text is None else f"edit {known.text.splitlines()}"
        return f"event {event} ({what} of {known.item} at {known.writer})"
