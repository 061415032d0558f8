"""The world: disks, pods, member API servers, a control plane with several controllers, and a network without mercy.

Every operation is one step of one process, with what it reads chosen by the caller: as stale, repeated or reordered as
real caches and queues may be. All decisions are made by the code that the controllers run.
"""

from collections.abc import Callable
from typing import Any, cast

from api.context_replica import ContextReplicaSpec
from api.context_revision import ContextRevisionSpec
from api.federated_context import FederatedContext
from api.item import ContextPayload, Item
from api.model import ObjectMeta
from controllers.agent.holding import Holding, Origin
from controllers.federation.contexts import Memory
from core import collect as collection
from core import declare as declaration
from core import project
from core.advance import advance
from core.apply import Revision
from core.merge import Merger
from core.version_vector import includes
from tests.model.oracle import name_of
from tests.model.parts import Backup, Cluster, Controller, Observed, Pod, PodReplica, Setup
from tests.model.violation import Invariant, require
from tests.model.volume import Crashed, Disk, content
from tests.model.witness import Witness

CONTEXT, NAMESPACE = "demo", "team"
_START_MILLIS = 1_000_000_000
_ATTEMPTS = 8


class World(Witness):
    """All of it. Operations take indices, which wrap around, so that any integers make a run."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.now = _START_MILLIS
        self.incarnations = 0
        self.clusters = {name: Cluster(name) for name in dict(setup.pods)}
        self.pods = [self._pod(cluster, name, index) for index, (cluster, name) in enumerate(setup.pods)]
        self.controllers = [Controller(setup.skew(len(self.pods) + index), self.draw()) for index in range(2)]
        self.declared_tags: list[dict[str, int]] = []
        """Event of each item, for each declaration; of deleted items, too."""
        self.declare({})
        self.steps = 0
        self.backups: list[Backup] = []

    # Time and names

    def tick(self, millis: int) -> None:
        self.now += millis
        self.steps += 1

    def draw(self) -> str:
        self.incarnations += 1
        return f"{self.incarnations:08x}"

    def _pod(self, cluster: str, name: str, index: int) -> Pod:
        disk = Disk(f"{cluster}/{name}/{self.draw()}", self.setup.spec.context_type, self.on_replace)
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
        target = self.target(disk, item)
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
        self.check_site(pod)

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
        self.check_site(pod)

    def restart(self, index: int) -> None:
        """The agent is killed; its volume stays."""
        pod = self.pod(index)
        pod.holding = pod.offered = None

    def _detect(self, pod: Pod) -> Holding:
        if pod.holding is None:
            pod.holding = Holding(cast("Any", pod.disk), CONTEXT, self._origin(pod))
        before = pod.disk.journal
        pod.offered = pod.holding.detect() or pod.offered
        self.note_changes(pod, before)
        return pod.holding

    def _apply(self, pod: Pod, revision: Revision | None) -> None:
        holding = self._detect(pod)
        if revision is None:
            return
        before = pod.disk.journal
        if before is None:
            pod.joined = frozenset(revision.targets)
        pod.offered = holding.apply(revision) or pod.offered
        self.note_changes(pod, before)
        if before is not None:
            self.check_read_your_writes(pod, before, revision)
        self.check_whole(pod, revision)

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

    def _create(
        self,
        controller: Controller,
        observed: Observed,
        history: list[ContextRevisionSpec],
        merger: Merger,
        revision: ContextRevisionSpec,
    ) -> None:
        """The store takes the revision; what it decides is noted."""
        self.check_follows(revision)
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
        self.note_revision(head, revision, [*declared.changes, *proposed])
        self.store.log.append(revision)
        self.store.revisions[revision.version] = revision
        controller.revisions[revision.version] = revision
        self._back_up()
        again = advance(observed.context, observed.sites, self._history(controller), merger)
        owed = any(site.inventory for site in observed.sites)
        told = f"the same proposals make revision {revision.version + 1}"
        require(again is None or owed, Invariant.I4_EXACTLY_ONCE, told)


def with_crash(pod: Pod, crash_after: int | None, act: Callable[[], object]) -> None:
    """The agent acts, and may be killed before one of its writes."""
    pod.disk.crash_after = crash_after
    try:
        act()
    except Crashed:
        pod.holding = pod.offered = None
    finally:
        pod.disk.crash_after = None
