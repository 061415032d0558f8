"""The members of the simulated world: agents, their pods and volumes, member controllers, and what Karmada delivers."""

from collections.abc import Callable
from typing import Any, cast

from api.context_replica import ContextReplicaSpec
from controllers.agent.holding import Holding, Origin
from core.inspection.confirm import confirmation, is_confirmable
from core.member import collect as collection
from core.site.plan import Desired
from tests.model.oracle import name_of
from tests.model.parts import Pod, PodReplica
from tests.model.people import CONTEXT, NAMESPACE, People
from tests.model.volume import Crashed


class Members(People):
    """What happens in members. Operations take indices, which wrap around."""

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
        found = pod.holding.detect()
        if found and is_confirmable(found):  # whoever deletes here means it
            found = pod.holding.detect(confirmation=confirmation([found]))
        pod.offered = found or pod.offered
        self.note_changes(pod, before)
        return pod.holding

    def _apply(self, pod: Pod, revision: Desired | None) -> None:
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
        pod.is_new = True
        self.oracle.unsure |= set(pod.disk.tags.values())  # also what is there no longer: nothing names it now

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
        self.pods[at] = self.new_pod(pod.cluster.name, name, at)

    # The member

    def publish(self, index: int) -> None:
        """The agent's replica is stored in the member's API server."""
        self._publish(self.pod(index))

    def _publish(self, pod: Pod) -> None:
        if pod.offered is None:
            return
        stored = pod.cluster.replicas.get(pod.name)
        if stored and any(site.site != pod.offered.site for site in stored.spec.sites):
            stored.deleted = True  # belongs to a pod before us: ours comes after it has gone
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


def with_crash(pod: Pod, crash_after: int | None, act: Callable[[], object]) -> None:
    """The agent acts, and may be killed before one of its writes."""
    pod.disk.crash_after = crash_after
    try:
        act()
    except Crashed:
        pod.holding = pod.offered = None
    finally:
        pod.disk.crash_after = None
