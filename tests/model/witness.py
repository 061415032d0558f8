"""The witness: reports to the oracle what happens, and checks what must hold at every step."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from api.context_replica import Change, SiteState
from api.context_revision import ContextRevisionSpec, RevisionItem
from api.dot import Dot
from api.federated_context import Direction
from core.hub.compact import KEPT_FOR
from core.site.journal import Journal
from core.site.plan import Desired
from core.values import clock
from core.values.chain import chain_digest
from core.values.version_vector import covers, includes
from tests.model.oracle import Oracle, name_of
from tests.model.parts import Pod, Setup, Store
from tests.model.violation import Invariant, require
from tests.model.volume import Disk

_DIRECTIONS = frozenset(map(str, Direction))


class Witness:
    """Sees everything; nothing that is simulated can see it."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.oracle = Oracle()
        self.store = Store([])
        self.conflicts = 0
        self.restored = False
        """Whether the store was ever put back to a backup."""

    def check_follows(self, revision: ContextRevisionSpec) -> None:
        head = self.store.head
        taken = [known.version for known in self.store.log]
        require(revision.version not in taken, Invariant.I10_ONE_HISTORY, f"version {revision.version} is made twice")
        number, parent = (revision.epoch, revision.version), head.chain_digest if head else None
        follows = number == ((head.epoch, head.version + 1) if head else (0, 1))
        recovers = self.restored and revision.epoch > (head.epoch if head else 0)
        require(
            revision.parent == parent and (follows or recovers),
            Invariant.I1_ORDER,
            f"revision {revision.version} does not follow the head",
        )
        require(chain_digest(revision) == revision.chain_digest, Invariant.I1_ORDER, "the chain digest is wrong")

    def note_revision(
        self,
        head: ContextRevisionSpec | None,
        revision: ContextRevisionSpec,
        sites: list[SiteState],
        declared: list[Change],
    ) -> None:
        oracle = self.oracle
        changes = [*declared, *(change for site in sites for change in site.changes)]
        handed_over = [item.dot for site in sites if site.inventory for item in site.inventory.items]
        before = head.version_vector if head else {}
        taken = {
            name_of(change.dot): change
            for change in changes
            if not includes(before, change.dot) and includes(revision.version_vector, change.dot)
        }
        held = {item.name: item for item in revision.items}
        deletions = [item.dot for item in head.items if item.deleted and item.name not in held] if head else []
        deletions += [change.dot for change in taken.values() if change.deleted and change.item not in held]
        oldest = clock.millis(revision.hlc) - KEPT_FOR // timedelta(milliseconds=1)
        oracle.forgotten |= {oracle.by_dot[name_of(dot)] for dot in deletions if clock.millis(dot.hlc) < oldest}
        for item in revision.items:
            if name_of(item.dot) not in oracle.by_dot:
                parents = [oracle.by_dot[name_of(dot)] for dot in item.merged_from or []]
                require(bool(parents), Invariant.I11_NO_PHANTOM, f"{item.name}: nobody made {name_of(item.dot)}")
                self._note_merged(item.name, item.dot, parents, item.content.text if item.content else None)
        self._note_merges(head, revision, taken.values())
        for change in taken.values():
            oracle.take_in(change.dot)
        vector = revision.version_vector
        oracle.accounted |= {name for name in oracle.promised if covers(vector, Dot(site=name[0], hlc=name[1]))}
        known = [item.dot for item in head.items] if head else []
        self._note_equals([*known, *handed_over], taken.values(), held)
        self._note_losers(head, revision)

    def _note_equals(self, before: list[Dot], taken: Iterable[Change], held: dict[str, RevisionItem]) -> None:
        """Of changes with the same content one is kept for all."""
        oracle = self.oracle
        first: dict[tuple[str, str | None], int] = {}
        for dot in [*before, *(change.dot for change in taken), *(item.dot for item in held.values())]:
            event = oracle.events[oracle.by_dot[name_of(dot)]]
            oracle.equate(event.number, first.setdefault((event.item, event.text), event.number))

    def _note_merges(
        self, head: ContextRevisionSpec | None, revision: ContextRevisionSpec, taken: Collection[Change]
    ) -> None:
        """Merged contents that did not last until the revision was whole: of all that came before them."""
        made = {item.name: [item.dot] for item in head.items} if head else {}
        for record in revision.conflicts:
            if record.merged and name_of(record.kept) not in self.oracle.by_dot:
                came = [
                    change.dot for change in taken if change.item == record.item
                ]  # they are taken in in their order
                before = [dot for dot in came if dot.order <= record.lost.dot.order] + made.get(record.item, [])
                self._note_merged(record.item, record.kept, [self.oracle.by_dot[name_of(dot)] for dot in before], None)
                made.setdefault(record.item, []).append(record.kept)

    def _note_merged(self, item: str, dot: Dot, parents: list[int], text: str | None) -> None:
        event = self.oracle.event(item, text, "merge", parents)
        self.oracle.merged.add(event)
        self.oracle.bind(dot, event)

    def _note_losers(self, head: ContextRevisionSpec | None, revision: ContextRevisionSpec) -> None:
        carried = head.conflicts if head else []
        for record in revision.conflicts:
            if record in carried:
                continue
            loser = self.oracle.by_dot[name_of(record.lost.dot)]
            text = record.lost.content.text if record.lost.content else None
            same = text == self.oracle.events[loser].text
            same = same or loser in self.oracle.merged
            require(same, Invariant.I2_NO_LOSS, f"the record of {self.oracle.describe(loser)} holds another content")
            self.oracle.losers.add(loser)
            self.conflicts += 1
            kept = self.oracle.by_dot.get(name_of(record.kept))
            seen = kept in self.oracle.events[loser].past and kept not in self.oracle.declared_again
            decided = record.policy not in _DIRECTIONS and loser not in self.oracle.unsure
            require(
                not (seen and decided),
                Invariant.I5_NO_RESURRECTION,
                f"{self.oracle.describe(loser)} lost against what its writer had replaced",
            )

    def on_replace(self, disk: Disk, item: str) -> None:
        """The agent replaces a file: what was there must be known to the protocol, or saved."""
        oracle, journal = self.oracle, disk.journal
        assert journal is not None
        assert disk.intent is not None
        target = self.target(disk, item)
        old = disk.tags.get(item)
        if old is None or old == target:
            pass
        elif old not in oracle.dots_of and old not in disk.rescued:
            self._check_known(disk, journal, item, old)
        if target is None:
            disk.tags.pop(item, None)
        else:
            disk.tags[item] = target

    def target(self, disk: Disk, item: str) -> int | None:
        """Event of an item in the revision that is being written."""
        if disk.intent is None:
            return None
        revision = disk.intent.revision
        dots = (each.dot for each in (*revision.context_payload.items, *revision.tombstones) if each.name == item)
        return next((self.oracle.by_dot[name_of(dot)] for dot in dots), None)

    def _check_known(self, disk: Disk, journal: Journal, item: str, old: int) -> None:
        """An edit without a dot may be replaced only if it changed nothing, or if it is a deletion before a join."""
        oracle = self.oracle
        change, held = journal.pending.get(item), journal.held.get(item)
        known = change.dot if change else held.dot if held else None
        event = oracle.by_dot.get(name_of(known)) if known else None
        unknown_deletion = known is None and oracle.events[old].text is None
        # Between a crash and the restart nobody knows what was put back and what was not yet written.
        half_written = disk.intent is not None and journal.base.chain_digest != disk.intent.revision.chain_digest
        put_back = half_written and old in oracle.unsure
        same = event is not None and oracle.events[event].text == oracle.events[old].text
        require(
            unknown_deletion or put_back or same,
            Invariant.I2_NO_LOSS,
            f"{disk.name} overwrote {oracle.describe(old)}, not yet proposed",
        )
        if event is not None:
            oracle.equate(old, event)

    def note_changes(self, pod: Pod, before: Journal | None) -> None:
        """Changes that the agent has given dots to: whose are they really?"""
        journal, oracle = pod.disk.journal, self.oracle
        if journal is None:
            return
        # What it finds when it joins is of unknown origin.
        joined = pod.is_new or before is None or before.base.version == 0
        pod.is_new = False
        for item, change in journal.pending.items():
            if name_of(change.dot) in oracle.by_dot:
                continue
            tag = pod.disk.tags.get(item)
            require(tag is not None, Invariant.I11_NO_PHANTOM, f"{journal.site} proposes {item}, which nobody wrote")
            assert tag is not None
            text = change.content.text if change.content else None
            require(text == oracle.events[tag].text, Invariant.I11_NO_PHANTOM, f"{item} is not {oracle.describe(tag)}")
            if joined and tag in oracle.dots_of:
                known = oracle.events[tag]
                message = f"{journal.site} joined a revision that has {item}, and proposes old content as new"
                require(item not in pod.joined, Invariant.I12_NO_STALE_AS_NEW, message)
                added = oracle.event(item, known.text, pod.disk.name, [])
                oracle.equate(tag, added)
                pod.disk.tags[item] = tag = added
            if joined:
                oracle.unsure.add(tag)
            own = oracle.events[tag].writer == pod.disk.name
            require(own, Invariant.I11_NO_PHANTOM, f"{journal.site} proposes {oracle.describe(tag)} as its own")
            oracle.bind(change.dot, tag)

    def check_site(self, pod: Pod) -> None:
        journal = pod.disk.journal
        if journal is None:
            return
        reached = (journal.base.epoch, journal.base.version)
        require(reached >= pod.reached, Invariant.I1_ORDER, f"{journal.site} went from {pod.reached} to {reached}")
        pod.reached = reached
        if pod.disk.intent is not None or journal.base.version == 0:
            return
        for item, held in journal.held.items():
            if item in journal.pending or held.dot is None:
                continue
            base = self.oracle.by_dot[name_of(held.dot)]
            tag = pod.disk.tags.setdefault(item, base)
            own = self.oracle.events[tag].writer == pod.disk.name
            equal = self.oracle.events[tag].text == self.oracle.events[base].text
            require(
                own or equal, Invariant.I8_ATOMIC, f"{journal.site} holds {self.oracle.describe(tag)} without an intent"
            )
            if equal:  # whoever looks at it sees what the revision holds
                self.oracle.equate(tag, base)
                pod.disk.tags[item] = base

    def check_read_your_writes(self, pod: Pod, before: Journal, revision: Desired) -> None:
        for item, change in before.pending.items():
            if includes(revision.spec.version_vector, change.dot):
                continue
            mine, tag = self.oracle.by_dot[name_of(change.dot)], pod.disk.tags.get(item)
            kept = tag is not None and (tag == mine or mine in self.oracle.events[tag].past)
            require(kept, Invariant.I6_READ_YOUR_WRITES, f"{before.site} lost {self.oracle.describe(mine)}")

    def check_whole(self, pod: Pod, revision: Desired) -> None:
        journal = pod.disk.journal
        if journal is None or journal.base.chain_digest != revision.spec.chain_digest or pod.disk.intent is not None:
            return
        digests = pod.disk.scan().present.digests
        for item in self.setup.items:
            target = revision.targets.get(item)
            same = digests.get(item) == (target.digest if target else None)
            require(same or item in journal.pending, Invariant.I8_ATOMIC, f"{journal.site} holds another {item}")
