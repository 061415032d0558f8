"""The world: disks, pods, member API servers, a control plane with several controllers, and a network without mercy.

Every operation is one step of one process, with what it reads chosen by the caller: as stale, repeated or reordered as
real caches and queues may be. All decisions are made by the code that the controllers run.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from api.context_replica import Change, ContextReplicaSpec, SiteState
from api.context_revision import ContextRevisionSpec, RevisionItem
from api.dot import Dot
from api.federated_context import Direction, FederatedContext, FederatedContextSpec
from api.item import ContextPayload, Item
from api.model import ObjectMeta
from controllers.agent.holding import Holding, Origin
from controllers.federation.contexts import Memory
from core import collect as collection
from core import declare as declaration
from core import project
from core.advance import advance
from core.apply import Revision
from core.commit import chain_digest
from core.journal import Journal
from core.merge import Merger
from core.version_vector import includes
from tests.model.oracle import Name, Oracle, name_of
from tests.model.violation import Invariant, require
from tests.model.volume import Crashed, Disk, content

CONTEXT, NAMESPACE = "demo", "team"
_START_MILLIS = 1_000_000_000
_ATTEMPTS = 8
_DIRECTIONS = frozenset(map(str, Direction))


@dataclass(frozen=True)
class Setup:
    """What a run is about."""

    pods: tuple[tuple[str, str], ...]
    """(cluster, pod)."""
    items: tuple[str, ...]
    spec: FederatedContextSpec
    """Without items: they are declared as the run goes on."""
    skews: tuple[int, ...] = (0,)
    """Milliseconds by which clocks are wrong: of the pods, then of the controllers."""
    retained: int = 1000
    """Revisions kept by pruning."""

    def skew(self, index: int) -> int:
        return self.skews[index % len(self.skews)]


@dataclass
class PodReplica:
    """A pod's ContextReplica in its member's API server."""

    spec: ContextReplicaSpec
    deleted: bool = False
    """Deleted, and held by its finalizer."""


@dataclass
class Cluster:
    """A member: what its API server stores."""

    name: str
    context: Revision | None = None
    """The MCPContext that Karmada delivered last."""
    replicas: dict[str, PodReplica] = field(default_factory=dict[str, PodReplica])
    partitioned: bool = False

    @property
    def vector(self) -> dict[str, str]:
        return dict(self.context.spec.version_vector) if self.context else {}


@dataclass
class Pod:
    """One pod with its agent."""

    cluster: Cluster
    name: str
    skew: int
    disk: Disk
    holding: Holding | None = None
    """None while the agent does not run."""
    offered: SiteState | None = None
    reached: tuple[int, int] = (0, 0)
    joined: frozenset[str] = frozenset()
    """Items of the revision with which the journal began, deleted ones too."""


@dataclass
class Controller:
    """A running federation controller, with what its caches hold."""

    skew: int
    incarnation: str
    revisions: dict[int, ContextRevisionSpec] = field(default_factory=dict[int, ContextRevisionSpec])
    replicas: dict[str, int] = field(default_factory=dict[str, int])
    """For each cluster, how much of the replica's history it has seen."""
    declared: int = 0
    """How much of the declarations it has seen."""
    memory: Memory | None = None


@dataclass(frozen=True)
class Observed:
    """What a controller sees of the context, as fresh as its caches are."""

    context: FederatedContext
    sites: list[SiteState]

    @property
    def generation(self) -> int:
        return self.context.metadata.generation


@dataclass(frozen=True)
class Backup:
    """How much of everything the store had at some time."""

    revisions: int
    declarations: int
    templates: int
    replicas: dict[str, int]
    processed: frozenset[Name]


@dataclass
class Store:
    """What the control plane's API server stores, now and before."""

    declarations: list[FederatedContext]
    revisions: dict[int, ContextRevisionSpec] = field(default_factory=dict[int, ContextRevisionSpec])
    replicas: dict[str, list[ContextReplicaSpec]] = field(default_factory=dict[str, list[ContextReplicaSpec]])
    templates: list[Revision] = field(default_factory=list[Revision])
    log: list[ContextRevisionSpec] = field(default_factory=list[ContextRevisionSpec])
    """Every revision ever committed, pruned ones too."""

    @property
    def head(self) -> ContextRevisionSpec | None:
        return self.log[-1] if self.log else None


class World:
    """All of it. Operations take indices, which wrap around, so that any integers make a run."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.now = _START_MILLIS
        self.oracle = Oracle()
        self.incarnations = 0
        self.clusters = {name: Cluster(name) for name in dict(setup.pods)}
        self.pods = [self._pod(cluster, name, index) for index, (cluster, name) in enumerate(setup.pods)]
        self.controllers = [Controller(setup.skew(len(self.pods) + index), self.draw()) for index in range(2)]
        self.declared_tags: list[dict[str, int]] = []
        """Event of each item, for each declaration; of deleted items, too."""
        self.store = Store([])
        self.declare({})
        self.conflicts = self.steps = 0
        self.backups: list[Backup] = []
        self.restored = False

    # Time and names

    def tick(self, millis: int) -> None:
        self.now += millis
        self.steps += 1

    def draw(self) -> str:
        self.incarnations += 1
        return f"{self.incarnations:08x}"

    def _pod(self, cluster: str, name: str, index: int) -> Pod:
        disk = Disk(f"{cluster}/{name}/{self.draw()}", self.setup.spec.context_type, self._on_replace)
        return Pod(self.clusters[cluster], name, self.setup.skew(index), disk)

    def pod(self, index: int) -> Pod:
        return self.pods[index % len(self.pods)]

    def cluster(self, index: int) -> Cluster:
        return list(self.clusters.values())[index % len(self.clusters)]

    # People

    def edit(self, index: int, item: int, line: int, revert: int | None = None) -> None:
        """Somebody writes an item on a pod's disk: one of three lines, or what an earlier event said."""
        pod, name = self.pod(index), self.setup.items[item % len(self.setup.items)]
        self._write(pod.disk, name, self._next_text(pod.disk.text(name), name, line, revert))

    def delete(self, index: int, item: int) -> None:
        pod, name = self.pod(index), self.setup.items[item % len(self.setup.items)]
        if pod.disk.text(name) is not None and not pod.disk.is_nearly_empty():
            self._write(pod.disk, name, None)

    def declare(self, wanted: dict[int, int | None]) -> None:
        """The program changes its declaration: for each item a line to change, or None to drop it."""
        before = self.store.declarations[-1].spec.context_payload.items if self.store.declarations else []
        texts = {item.name: item.text for item in before}
        tags = dict(self.declared_tags[-1]) if self.declared_tags else {}
        for index, line in wanted.items():
            name = self.setup.items[index % len(self.setup.items)]
            if line is None and name not in texts:
                continue
            text = None if line is None else self._next_text(texts.get(name), name, line, None)
            tags[name] = self.oracle.event(name, text, "declared", [tags[name]] if name in tags else [])
            texts.pop(name, None)
            if text is not None:
                texts[name] = text
        self.declared_tags.append(tags)
        self.store.declarations.append(self._federated_context(texts, len(self.store.declarations) + 1))

    def _next_text(self, text: str | None, item: str, line: int, revert: int | None) -> str:
        if revert is not None:
            earlier = [event.text for event in self.oracle.events if event.item == item and event.text]
            if earlier:
                return earlier[revert % len(earlier)]
        lines = text.splitlines() if text else ["a", "-", "b", "-", "c"]
        lines[2 * (line % 3)] = f"e{len(self.oracle.events)}"
        return "\n".join(lines) + "\n"

    def _write(self, disk: Disk, item: str, text: str | None) -> None:
        seen = [disk.tags[item]] if item in disk.tags else []
        target = self._target(disk, item)
        if target is not None and seen and self.oracle.events[target].text == self.oracle.events[seen[0]].text:
            seen.append(target)
        disk.tags[item] = event = self.oracle.event(item, text, disk.name, seen)
        if disk.intent is not None or self.oracle.unsure.intersection(seen):
            self.oracle.unsure.add(event)
        disk.put(item, text)

    def _federated_context(self, texts: dict[str, str | None], generation: int) -> FederatedContext:
        kind = self.setup.spec.context_type
        items = [Item.of(name, content(kind, name, text)) for name, text in sorted(texts.items()) if text is not None]
        spec = self.setup.spec.model_copy(update={"context_payload": ContextPayload(items=items)})
        meta = ObjectMeta(name=CONTEXT, namespace=NAMESPACE, uid="u", generation=generation)
        return FederatedContext.model_construct(metadata=meta, spec=spec)

    # The agent

    def scan(self, index: int, crash_after: int | None = None) -> None:
        """The agent looks at its directory, after a restart if it must."""
        pod = self.pod(index)
        with_crash(pod, crash_after, lambda: self._detect(pod))
        self._check_site(pod)

    def apply(
        self, index: int, crash_after: int | None = None, interruption: tuple[int, int, int] | None = None
    ) -> None:
        """The agent applies the MCPContext that its API server holds.

        `crash_after` counts writes; `interruption` is (reads until then, item, line) of an edit in the middle.
        """
        pod = self.pod(index)
        revision = pod.cluster.context
        if interruption:
            reads, item, line = interruption
            pod.disk.interruption = (reads, lambda: self.edit(index, item, line))
        with_crash(pod, crash_after, lambda: self._apply(pod, revision))
        pod.disk.interruption = None
        self._check_site(pod)

    def restart(self, index: int) -> None:
        """The agent is killed; its volume stays."""
        pod = self.pod(index)
        pod.holding = pod.offered = None

    def _detect(self, pod: Pod) -> Holding:
        if pod.holding is None:
            pod.holding = Holding(cast("Any", pod.disk), CONTEXT, self._origin(pod))
        before = pod.disk.journal
        pod.offered = pod.holding.detect() or pod.offered
        self._note_changes(pod, before)
        return pod.holding

    def _apply(self, pod: Pod, revision: Revision | None) -> None:
        holding = self._detect(pod)
        if revision is None:
            return
        before = pod.disk.journal
        if before is None:
            pod.joined = frozenset(revision.targets)
        pod.offered = holding.apply(revision) or pod.offered
        self._note_changes(pod, before)
        if before is not None:
            self._check_read_your_writes(pod, before, revision)
        self._check_whole(pod, revision)

    def _origin(self, pod: Pod) -> Origin:
        site = f"{pod.cluster.name}/{pod.name}"
        return Origin(site, pod.name, lambda: max(self.now + pod.skew, 0), self.draw)

    # What happens to agents

    def lose_journal(self, index: int) -> None:
        """The journal is gone; the files are still there."""
        pod = self.pod(index)
        pod.disk.journal = pod.disk.intent = pod.holding = pod.offered = None
        pod.reached = (0, 0)

    def replace_pod(self, index: int, *, same_name: bool, graceful: bool) -> None:
        """The pod ends and another one takes its place, with an empty volume."""
        pod = self.pod(index)
        if graceful:
            self._detect(pod)
            self._publish(pod)
        if held := pod.cluster.replicas.get(pod.name):
            held.deleted = True
        name = pod.name if same_name else f"{pod.name.partition('-')[0]}-{self.draw()}"
        at = self.pods.index(pod)
        self.pods[at] = self._pod(pod.cluster.name, name, at)

    # The member

    def publish(self, index: int) -> None:
        """The agent's replica is stored in the member's API server."""
        self._publish(self.pod(index))

    def _publish(self, pod: Pod) -> None:
        if pod.offered is None:
            return
        stored = pod.cluster.replicas.get(pod.name)
        if stored and any(site.site != pod.offered.site for site in stored.spec.sites):
            stored.deleted = True  # speaks for a pod before us: ours comes after it has gone
        if stored and stored.deleted:
            return
        spec = ContextReplicaSpec(context=CONTEXT, sites=[pod.offered])
        if stored is None or stored.spec != spec:
            pod.cluster.replicas[pod.name] = PodReplica(spec)
            self.oracle.promised |= {name_of(change.dot) for change in pod.offered.changes}
            pod.disk.writes += 1

    def mirror(self, index: int, *, dies: bool = False) -> None:
        """The member controller stores what its pods say on the control plane, and releases dead pods' replicas."""
        cluster = self.cluster(index)
        place = collection.MemberContext(cluster.name, NAMESPACE, CONTEXT)
        history = self.store.replicas.setdefault(cluster.name, [])
        stored = history[-1] if history else None
        pods = [replica.spec for replica in cluster.replicas.values()]
        wanted = collection.collect(place, cluster.vector, pods, stored)
        if stored != wanted and not cluster.partitioned:
            history.append(wanted)
        if dies:
            return
        known = None if cluster.partitioned else history[-1]
        for name, replica in list(cluster.replicas.items()):
            if replica.deleted and collection.releasable(place, cluster.vector, replica.spec, known):
                del cluster.replicas[name]

    def partition(self, index: int, *, cut: bool) -> None:
        self.cluster(index).partitioned = cut

    def deliver(self, index: int, age: int = 0) -> None:
        """Karmada brings the MCPContext: the newest, or an older one once more."""
        cluster = self.cluster(index)
        if self.store.templates and not cluster.partitioned:
            templates = self.store.templates
            cluster.context = templates[-1 - age % len(templates)]

    # The control plane

    def restart_controller(self, index: int) -> None:
        """A new instance, whose caches are filled from whatever API server it asks."""
        old = self.controllers[index % 2]
        self.controllers[index % 2] = Controller(old.skew, self.draw())

    def observe(self, index: int, what: int, lag: int = 0) -> None:
        """A cache catches up, save for the last few events: that of a cluster, of revisions, or of the spec."""
        controller = self.controllers[index % 2]
        clusters = list(self.clusters)
        which = what % (len(clusters) + 2)
        if which < len(clusters):
            seen = len(self.store.replicas.get(clusters[which], ())) - lag
            controller.replicas[clusters[which]] = max(controller.replicas.get(clusters[which], 0), seen)
        elif which == len(clusters):
            newest = max(self.store.revisions, default=0) - lag
            gone = controller.revisions.keys() - self.store.revisions.keys()
            controller.revisions |= {v: r for v, r in self.store.revisions.items() if v <= newest}
            for version in gone:
                del controller.revisions[version]
        else:
            controller.declared = max(controller.declared, len(self.store.declarations) - lag)

    def observe_all(self, index: int) -> None:
        for what in range(len(self.clusters) + 2):
            self.observe(index, what)

    def reconcile(self, index: int) -> None:
        """A controller commits what is new to it; whoever creates a version first has committed it."""
        controller = self.controllers[index % 2]
        if controller.declared == 0:
            return  # it has not read the FederatedContext yet
        observed = self._observed(controller)
        for _ in range(_ATTEMPTS):
            history = self._history(controller)
            merger = self._merger(controller, history)
            revision = advance(observed.context, observed.sites, history, merger)
            if revision is None:
                return
            if self.is_taken(revision.version):
                controller.revisions[revision.version] = self.store.revisions[revision.version]
                continue
            self._create(controller, observed, history, merger, revision)
            controller.memory = Memory(merger.incarnation, revision)

    def restore(self, index: int) -> None:
        """The store is put back to an earlier backup; controllers list everything anew, members keep what they have."""
        if not self.backups:
            return
        backup, store = self.backups[index % len(self.backups)], self.store
        del store.log[backup.revisions :], store.templates[backup.templates :]
        del store.declarations[backup.declarations :], self.declared_tags[backup.declarations :]
        del self.backups[index % len(self.backups) + 1 :]
        for cluster, history in store.replicas.items():
            del history[backup.replicas.get(cluster, 0) :]
        store.revisions = {revision.version: revision for revision in store.log}
        for controller in self.controllers:
            controller.revisions = dict(store.revisions)
            controller.replicas = {cluster: len(history) for cluster, history in store.replicas.items()}
            controller.declared = len(store.declarations)
        self.oracle.forget(backup.processed)
        self.restored = True

    def _back_up(self) -> None:
        replicas = {cluster: len(history) for cluster, history in self.store.replicas.items()}
        counts = (len(self.store.log), len(self.store.declarations), len(self.store.templates))
        self.backups.append(Backup(*counts, replicas, frozenset(self.oracle.processed)))

    def is_taken(self, version: int) -> bool:
        """Whether the store has a revision of this name: then it creates no other."""
        return version in self.store.revisions

    def project(self, index: int) -> None:
        """A controller renders the head that it knows as the MCPContext."""
        history = self._history(self.controllers[index % 2])
        if history and (not self.store.templates or self._template_digest() != history[-1].chain_digest):
            context = self.store.declarations[-1]
            self.store.templates.append(Revision.of(project.served(context, history[-1])))

    def prune(self, index: int) -> None:
        """A controller deletes revisions beyond what is retained, save for what undecided changes stand on."""
        controller = self.controllers[index % 2]
        sites = self._observed(controller).sites
        needed = min((site.base_version for site in sites if site.changes), default=None)
        for revision in self._history(controller)[: -self.setup.retained]:
            if needed is not None and revision.version >= needed:
                return
            self.store.revisions.pop(revision.version, None)
            controller.revisions.pop(revision.version, None)

    def _history(self, controller: Controller) -> list[ContextRevisionSpec]:
        return [controller.revisions[version] for version in sorted(controller.revisions)]

    def _template_digest(self) -> str:
        return self.store.templates[-1].spec.chain_digest

    def _merger(self, controller: Controller, history: list[ContextRevisionSpec]) -> Merger:
        memory = controller.memory
        if memory is not None and memory.is_lost_from(history):
            controller.incarnation = self.draw()
        controller.memory = Memory(controller.incarnation, history[-1] if history else None)
        return Merger(controller.incarnation, max(self.now + controller.skew, 0))

    def _observed(self, controller: Controller) -> Observed:
        seen = [(cluster, count) for cluster, count in controller.replicas.items() if count > 0]
        specs = [self.store.replicas[cluster][count - 1] for cluster, count in seen]
        return Observed(
            self.store.declarations[controller.declared - 1], [site for spec in specs for site in spec.sites]
        )

    # The oracle's eyes

    def _create(
        self,
        controller: Controller,
        observed: Observed,
        history: list[ContextRevisionSpec],
        merger: Merger,
        revision: ContextRevisionSpec,
    ) -> None:
        """The store takes the revision; what it decides is noted."""
        self._check_follows(revision)
        head = self.store.head
        declared = declaration.declare(
            history[-1] if history else None,
            observed.context.spec.context_payload,
            observed.generation,
            merger,
        )
        tags = self.declared_tags[observed.generation - 1]
        for change in declared.changes:
            if not includes(revision.version_vector, change.dot):
                continue  # this revision recovers, and declares nothing
            told = f"declaration {observed.generation} says nothing of {change.item}"
            require(change.item in tags, Invariant.I11_NO_PHANTOM, told)
            self.oracle.bind(change.dot, tags[change.item])
        proposed = [change for site in observed.sites for change in site.changes]
        self._note_revision(head, revision, [*declared.changes, *proposed])
        self.store.log.append(revision)
        self.store.revisions[revision.version] = revision
        controller.revisions[revision.version] = revision
        self._back_up()
        again = advance(observed.context, observed.sites, self._history(controller), merger)
        owed = any(site.inventory for site in observed.sites)
        told = f"the same proposals make revision {revision.version + 1}"
        require(again is None or owed, Invariant.I4_EXACTLY_ONCE, told)

    def _check_follows(self, revision: ContextRevisionSpec) -> None:
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

    def _note_revision(
        self, head: ContextRevisionSpec | None, revision: ContextRevisionSpec, changes: list[Change]
    ) -> None:
        oracle = self.oracle
        before = head.version_vector if head else {}
        taken = {
            name_of(change.dot): change
            for change in changes
            if not includes(before, change.dot) and includes(revision.version_vector, change.dot)
        }
        held = {item.name: item for item in revision.items}
        for item in revision.items:
            if name_of(item.dot) not in oracle.by_dot:
                parents = [oracle.by_dot[name_of(dot)] for dot in item.merged_from or []]
                require(bool(parents), Invariant.I11_NO_PHANTOM, f"{item.name}: nobody made {name_of(item.dot)}")
                self._note_merged(item.name, item.dot, parents, item.content.text if item.content else None)
        self._note_merges(head, revision, taken.values())
        for change in taken.values():
            oracle.take_in(change.dot)
        self._note_equals([item.dot for item in head.items] if head else [], taken.values(), held)
        self._note_losers(head, revision)

    def _note_equals(self, before: list[Dot], taken: Iterable[Change], held: dict[str, RevisionItem]) -> None:
        """Of changes with the same content one is kept for all."""
        oracle = self.oracle
        first: dict[tuple[str, str | None], int] = {}
        for dot in [*before, *(change.dot for change in taken), *(item.dot for item in held.values())]:
            event = oracle.events[oracle.by_dot[name_of(dot)]]
            oracle.equate(event.number, first.setdefault((event.item, event.text), event.number))

    def _note_merges(
        self, head: ContextRevisionSpec | None, revision: ContextRevisionSpec, taken: Iterable[Change]
    ) -> None:
        """Merged contents that did not last until the revision was whole: of all that came before them."""
        made = {item.name: [item.dot] for item in head.items} if head else {}
        for change in taken:
            made.setdefault(change.item, []).append(change.dot)
        for record in revision.conflicts:
            if record.merged and name_of(record.kept) not in self.oracle.by_dot:
                before = [dot for dot in made[record.item] if dot.hlc < record.kept.hlc]
                self._note_merged(record.item, record.kept, [self.oracle.by_dot[name_of(dot)] for dot in before], None)
                made[record.item].append(record.kept)

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
            require(same, Invariant.I2_NO_LOSS, f"the record of {self.oracle.tell(loser)} holds another content")
            self.oracle.losers.add(loser)
            self.conflicts += 1
            seen = self.oracle.by_dot.get(name_of(record.kept)) in self.oracle.events[loser].past
            decided = record.policy not in _DIRECTIONS and loser not in self.oracle.unsure
            require(
                not (seen and decided),
                Invariant.I5_NO_RESURRECTION,
                f"{self.oracle.tell(loser)} lost against what its writer had replaced",
            )

    def _on_replace(self, disk: Disk, item: str) -> None:
        """The agent replaces a file: what was there must be known to the protocol, or saved."""
        oracle, journal = self.oracle, disk.journal
        assert journal is not None
        assert disk.intent is not None
        target = self._target(disk, item)
        old = disk.tags.get(item)
        if old is None or old == target:
            pass
        elif old not in oracle.dots_of and old not in disk.rescued:
            self._check_known(disk, journal, item, old)
        if target is None:
            disk.tags.pop(item, None)
        else:
            disk.tags[item] = target

    def _target(self, disk: Disk, item: str) -> int | None:
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
        # Between a crash and the restart nobody can tell what was put back from what was not yet written.
        half_written = disk.intent is not None and journal.base.chain_digest != disk.intent.revision.chain_digest
        put_back = half_written and old in oracle.unsure
        same = event is not None and oracle.events[event].text == oracle.events[old].text
        require(
            unknown_deletion or put_back or same,
            Invariant.I2_NO_LOSS,
            f"{disk.name} overwrote {oracle.tell(old)}, not yet proposed",
        )
        if event is not None:
            oracle.equate(old, event)

    def _note_changes(self, pod: Pod, before: Journal | None) -> None:
        """Changes that the agent has given dots to: whose are they really?"""
        journal, oracle = pod.disk.journal, self.oracle
        if journal is None:
            return
        joined = before is None or before.base.version == 0  # what it finds then is of unknown origin
        for item, change in journal.pending.items():
            if name_of(change.dot) in oracle.by_dot:
                continue
            tag = pod.disk.tags.get(item)
            require(tag is not None, Invariant.I11_NO_PHANTOM, f"{journal.site} proposes {item}, which nobody wrote")
            assert tag is not None
            text = change.content.text if change.content else None
            require(text == oracle.events[tag].text, Invariant.I11_NO_PHANTOM, f"{item} is not {oracle.tell(tag)}")
            if joined and tag in oracle.dots_of:
                known = oracle.events[tag]
                told = f"{journal.site} joined a revision that has {item}, and proposes old content as new"
                require(item not in pod.joined, Invariant.I12_NO_STALE_AS_NEW, told)
                added = oracle.event(item, known.text, pod.disk.name, [])
                oracle.equate(tag, added)
                pod.disk.tags[item] = tag = added
            if joined:
                oracle.unsure.add(tag)
            own = oracle.events[tag].writer == pod.disk.name
            require(own, Invariant.I11_NO_PHANTOM, f"{journal.site} proposes {oracle.tell(tag)} as its own")
            oracle.bind(change.dot, tag)

    def _check_site(self, pod: Pod) -> None:
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
                own or equal, Invariant.I8_ATOMIC, f"{journal.site} holds {self.oracle.tell(tag)} without an intent"
            )
            if equal:  # whoever looks at it sees what the revision holds
                self.oracle.equate(tag, base)
                pod.disk.tags[item] = base

    def _check_read_your_writes(self, pod: Pod, before: Journal, revision: Revision) -> None:
        for item, change in before.pending.items():
            if includes(revision.spec.version_vector, change.dot):
                continue
            mine, tag = self.oracle.by_dot[name_of(change.dot)], pod.disk.tags.get(item)
            kept = tag is not None and (tag == mine or mine in self.oracle.events[tag].past)
            require(kept, Invariant.I6_READ_YOUR_WRITES, f"{before.site} lost {self.oracle.tell(mine)}")

    def _check_whole(self, pod: Pod, revision: Revision) -> None:
        journal = pod.disk.journal
        if journal is None or journal.base.chain_digest != revision.spec.chain_digest or pod.disk.intent is not None:
            return
        digests = pod.disk.scan().local.digests
        for item in self.setup.items:
            target = revision.targets.get(item)
            same = digests.get(item) == (target.digest if target else None)
            require(same or item in journal.pending, Invariant.I8_ATOMIC, f"{journal.site} holds another {item}")


def with_crash(pod: Pod, crash_after: int | None, act: Callable[[], object]) -> None:
    """The agent acts, and may be killed before one of its writes."""
    pod.disk.crash_after = crash_after
    try:
        act()
    except Crashed:
        pod.holding = pod.offered = None
    finally:
        pod.disk.crash_after = None
