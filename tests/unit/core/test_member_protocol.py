"""Members that edit, detect, publish, apply and crash at any write, against the real merge: what must always hold."""

import itertools
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from api.context_replica import Change, SiteState
from api.context_revision import ContextRevisionSpec, Declared
from api.federated_context import FederatedContext
from api.item import ContextType, ItemContent
from core.hub.commit import next_revision
from core.hub.merge import Merger, merge
from core.hub.project import served
from core.site.detect import Present, detect
from core.site.journal import Journal
from core.site.plan import Desired, Plan, Refusal, complete, first_journal, plan
from core.site.state import site_state
from core.values.canonical import content_digest

MEMBERS, ITEMS = ("m1", "m2", "m3"), ("a", "b")
FEDERATED = FederatedContext.parse(
    {
        "metadata": {"name": "c", "namespace": "n"},
        "spec": {"mcpServerName": "s", "contextType": ContextType.RESOURCES},
    }
)


def content(name: str, text: str) -> ItemContent:
    return ItemContent(definition={"uri": f"resource:///{name}"}, text=text)


@dataclass
class Member:
    """What a site has on its disk, and the steps that it takes; a crash leaves the disk as it is."""

    name: str
    present: dict[str, str] = field(default_factory=dict[str, str])
    journal: Journal | None = None
    intent: tuple[Desired, Plan] | None = None
    incarnations: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def seen(self) -> Present:
        return Present.of({name: content(name, text) for name, text in self.present.items()})

    def detect(self, now: int) -> None:
        if self.journal is None:
            return
        if self.intent is not None:
            self.write(None)
        self.journal = detect(self.journal, self.seen(), now)

    def apply(self, head: Desired, now: int, writes: int | None) -> None:
        """Applies a revision, dying after so many writes; None means not at all."""
        if self.journal is None:
            incarnation = f"{next(self.incarnations):08x}"
            self.journal = first_journal(f"{self.name}/p#{incarnation}", incarnation, head, self.seen())
        self.detect(now)
        found = plan(self.journal, head, self.seen())
        assert not isinstance(found, Refusal) or head.spec.version < self.journal.base.version, found
        if isinstance(found, Plan):
            self.intent = (head, found)
            self.write(writes)

    def write(self, writes: int | None) -> None:
        assert self.intent is not None
        assert self.journal is not None
        head, planned = self.intent
        kept = set(planned.kept)
        for number, step in enumerate(planned.writes):
            if number == writes:
                return
            now = self.seen().digests.get(step.item)
            if now not in (step.before, step.after):
                kept.add(step.item)
            elif step.content is None:
                self.present.pop(step.item, None)
            else:
                self.present[step.item] = step.content.text or ""
        if writes is None:
            self.journal, self.intent = complete(self.journal, head, kept), None

    def state(self) -> SiteState | None:
        return site_state(self.journal, "p", self.seen(), []) if self.journal else None


class Federation(RuleBasedStateMachine):
    """Some members, one control plane, a network that repeats and reorders, and clocks that jump."""

    def __init__(self) -> None:
        super().__init__()
        self.federated = FEDERATED
        self.members = {name: Member(name) for name in MEMBERS}
        self.revisions: list[ContextRevisionSpec] = []
        self.mail: list[list[Change]] = []
        self.texts = itertools.count()
        self.authors: dict[str, str] = {}
        self.reached = dict.fromkeys(MEMBERS, 0)
        self.last = dict.fromkeys(MEMBERS, "")

    def commit(self, changes: list[Change], now: int) -> None:
        head = self.revisions[-1] if self.revisions else None
        if merged := merge(self.revisions, changes, self.federated.spec, Merger("cp", now)):
            self.revisions.append(next_revision("c", head, merged, Declared(), now))

    def revision(self, number: int = -1) -> Desired:
        return Desired.of(served(self.federated, self.revisions[number]))

    @initialize()
    def declare(self) -> None:
        declaring = Member("declared", {"a": "declared"})
        declaring.journal = Journal(site="declared", incarnation="0", context_type=ContextType.RESOURCES)
        declaring.detect(1)
        self.commit([*declaring.journal.pending.values()], 1)

    @rule(name=st.sampled_from(MEMBERS), item=st.sampled_from(ITEMS))
    def edit(self, name: str, item: str) -> None:
        text = f"{name}-{next(self.texts)}"
        self.authors[text] = name
        self.members[name].present[item] = text

    @rule(name=st.sampled_from(MEMBERS), item=st.sampled_from(ITEMS))
    def delete(self, name: str, item: str) -> None:
        self.members[name].present.pop(item, None)

    @rule(name=st.sampled_from(MEMBERS), now=st.integers(0, 99))
    def publish(self, name: str, now: int) -> None:
        self.members[name].detect(now)
        if state := self.members[name].state():
            self.mail.append(state.changes)

    @rule(number=st.integers(0, 99), now=st.integers(0, 99))
    def deliver(self, number: int, now: int) -> None:
        if self.mail:
            self.commit(self.mail[number % len(self.mail)], now)

    @rule(name=st.sampled_from(MEMBERS), now=st.integers(0, 99), writes=st.none() | st.integers(0, 2))
    def apply(self, name: str, now: int, writes: int | None) -> None:
        self.members[name].apply(self.revision(), now, writes)

    @rule(name=st.sampled_from(MEMBERS), number=st.integers(0, 99), now=st.integers(0, 99))
    def apply_an_older_one(self, name: str, number: int, now: int) -> None:
        if self.members[name].journal is not None:
            self.members[name].apply(self.revision(number % len(self.revisions)), now, None)

    @invariant()
    def no_change_is_invented(self) -> None:
        for member in self.members.values():
            for change in member.journal.pending.values() if member.journal else ():
                if change.content is not None:
                    assert self.authors[change.content.text or ""] == member.name

    @invariant()
    def an_undecided_edit_stays_where_it_was_made(self) -> None:
        for member in self.members.values():
            if (journal := member.journal) is None or member.intent is not None:
                continue
            settled = detect(journal, member.seen(), 0)
            for item in journal.pending:
                if settled.pending[item] == journal.pending[item]:
                    assert member.seen().digests.get(item) == journal.expected(item)

    @invariant()
    def versions_and_clocks_only_grow(self) -> None:
        for name, member in self.members.items():
            if member.journal is not None:
                assert member.journal.base.version >= self.reached[name]
                assert member.journal.last_hlc >= self.last[name]
                self.reached[name], self.last[name] = member.journal.base.version, member.journal.last_hlc

    def teardown(self) -> None:
        """When edits stop, everybody comes to hold the head, and then nothing moves any more."""
        if not self.revisions:
            return
        for _ in range(4):
            for member in self.members.values():
                member.apply(self.revision(), 100, None)
                member.detect(100)
                if state := member.state():
                    self.mail.append(state.changes)
                    self.commit(state.changes, 100)
        head, count = self.revision(), len(self.revisions)
        wanted = {name: held.digest for name, held in head.targets.items() if held.digest}
        for member in self.members.values():
            before = member.journal
            member.apply(head, 200, None)
            member.detect(200)
            assert member.seen().digests == wanted
            assert member.journal == before
            assert member.journal is None or member.journal.pending == {}
        assert len(self.revisions) == count
        self.every_edit_is_accounted_for()

    def every_edit_is_accounted_for(self) -> None:
        """What was decided became an item of a revision, or is recorded as the loser of a conflict."""
        won = {item.dot for revision in self.revisions for item in revision.items}
        lost = {record.lost.dot for revision in self.revisions for record in revision.conflicts}
        held = {item.digest for revision in self.revisions for item in revision.items}
        last = {(change.item, change.dot.site): change for change in sorted(self.every_change(), key=_order)}
        for change in last.values():
            same = None if change.content is None else content_digest(change.content)
            assert change.dot in won | lost or same in held, change

    def every_change(self) -> list[Change]:
        """All that was ever published; of each site only the last word on an item must be found again."""
        return [change for changes in self.mail for change in changes]


def _order(change: Change) -> tuple[str, str]:
    return change.dot.order


TestFederation = Federation.TestCase
TestFederation.settings = settings(max_examples=60, stateful_step_count=30)
