"""The simulated world, whole: disks, pods, members, a control plane with several controllers, a network without mercy.

Every operation is one step of one process, with what it reads chosen by the caller: as stale, repeated or reordered as
real caches and queues may be. All decisions are made by the code that the controllers run.
"""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from api.context_revision import ContextRevisionSpec
from api.names import INLINE_LIMIT_BYTES
from controllers.federation.memory import Memory
from controllers.federation.recent_sites import RECENTLY
from core.hub import declare as declaration
from core.hub import project
from core.hub.advance import advance
from core.hub.compact import KEPT_FOR
from core.hub.merge import Merger
from core.hub.recover import may_be_merged
from core.hub.retain import expired
from core.site.plan import Desired
from core.values.chain import linked
from core.values.version_vector import includes
from tests.model.members import Members
from tests.model.parts import Backup, Controller, Observed, Setup
from tests.model.violation import Invariant, require

_ATTEMPTS = 8
_RECENTLY_MILLIS = RECENTLY // timedelta(milliseconds=1)
_LONG_MILLIS = (KEPT_FOR + timedelta(days=1)) // timedelta(milliseconds=1)


class World(Members):
    """All of it. Operations take indices, which wrap around, so that any integers make a run."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.payload_limit = setup.payload_limit
        self._oldest = Controller(0, "")
        """What the oldest API server to be found still shows."""

    def restart_controller(self, index: int) -> None:
        """A new instance, whose caches are filled from whatever API server it asks."""
        old, oldest = self.controllers[index % 2], self._oldest
        fresh = Controller(old.skew, self.draw(), declared=oldest.declared, operators=oldest.operators)
        fresh.replicas, fresh.revisions = dict(oldest.replicas), dict(oldest.revisions)
        self.controllers[index % 2] = fresh

    def observe(self, index: int, what: int, lag: int = 0) -> None:
        """A cache catches up, save for the last few events: that of a cluster, of revisions, or of the spec."""
        controller = self.controllers[index % 2]
        clusters = list(self.clusters)
        which = what % (len(clusters) + 2)
        if which < len(clusters):
            self._observe_replica(controller, clusters[which], lag)
        elif which == len(clusters):
            self._observe_revisions(controller, lag)
        else:
            controller.declared = max(controller.declared, len(self.store.declarations) - lag)
            controller.operators = frozenset(self.store.operators)

    def observe_all(self, index: int) -> None:
        for what in range(len(self.clusters) + 2):
            self.observe(index, what)

    def _observe_replica(self, controller: Controller, cluster: str, lag: int) -> None:
        stored, before = self.store.replicas.get(cluster, ()), controller.replicas.get(cluster, 0)
        seen = max(before, len(stored) - lag)
        named = {site.site for replica in stored[max(before - 1, 0) : seen] for site in replica.sites}
        gone = named - {site.site for replica in stored[seen - 1 : seen] for site in replica.sites}
        controller.last_named |= dict.fromkeys(gone, self.now)
        controller.replicas[cluster] = seen

    def _observe_revisions(self, controller: Controller, lag: int = 0) -> None:
        """Revisions come in the order of their creation: one under a name that was free again comes last."""
        before = controller.revisions
        if lag == 0:
            controller.revisions = dict(self.store.revisions)
        else:
            newest = max(self.store.revisions, default=0) - lag
            history = linked(ordered(self.store.revisions))
            controller.revisions = before | {each.version: each for each in history if each.version <= newest}
        new = [each for version, each in controller.revisions.items() if version not in before]
        controller.last_named |= dict.fromkeys((cause.site for each in new for cause in each.cause), self.now)

    def reconcile(self, index: int, *, dies: bool = False) -> None:
        """A controller commits what is new to it; whoever creates a version first has committed it.

        `dies`: it is killed right after it has created a revision, before it knows whether that is a commit.
        """
        controller = self.controllers[index % 2]
        if controller.declared == 0:
            return  # it has not read the FederatedContext yet
        observed = self._observed(controller)
        for _ in range(_ATTEMPTS):
            history = self.history(controller)
            merger = self._merger(controller, history)
            revision = self._advance(observed, history, merger)
            if revision is None:
                return
            if self.is_taken(revision.version) or self._is_recovery_behind(controller, history, revision):
                self.follow(controller)
                continue
            committed = self._create(controller, observed, history, merger, revision)
            if dies:
                self.restart_controller(index)
                return
            self.follow(controller)
            if committed:
                controller.memory = Memory(merger.incarnation, revision)
                self._check_exactly_once(controller, observed, merger)

    def _is_recovery_behind(
        self, controller: Controller, history: list[ContextRevisionSpec], revision: ContextRevisionSpec
    ) -> bool:
        """Whether a revision that skips numbers, which no name protects, was decided on a cache that is behind."""
        follows = revision.epoch == (history[-1].epoch if history else 0)
        return not follows and controller.revisions != self.store.revisions

    def follow(self, controller: Controller) -> None:
        """The cache comes to what is stored, before anything is made of it."""
        self._observe_revisions(controller)

    def restore(self, index: int) -> None:
        """The store is put back to an earlier backup; controllers list everything anew, members keep what they have."""
        if not self.backups:
            return
        backup, store = self.backups[index % len(self.backups)], self.store
        seen = [self._sites_seen(controller) for controller in self.controllers]
        del store.log[backup.revisions :], store.templates[backup.templates :]
        del store.declarations[backup.declarations :], self.declared_tags[backup.declarations :]
        del self.backups[index % len(self.backups) + 1 :]
        for cluster, history in store.replicas.items():
            del history[backup.replicas.get(cluster, 0) :]
        store.revisions = {each.version: each for each in store.log if each.version in backup.retained}
        store.operators = {site: state for site, state in store.operators.items() if site in backup.operators}
        for controller, before in zip(self.controllers, seen, strict=True):
            self._list_all(controller)
            controller.last_named |= dict.fromkeys(before - self._sites_seen(controller), self.now)
        self.oracle.forget(backup.processed, backup.accounted)
        self.restored = True

    def _list_all(self, controller: Controller) -> None:
        controller.revisions = dict(self.store.revisions)
        controller.replicas = {cluster: len(history) for cluster, history in self.store.replicas.items()}
        controller.declared = len(self.store.declarations)
        controller.operators = frozenset(self.store.operators)

    def _sites_seen(self, controller: Controller) -> set[str]:
        seen = [(cluster, count) for cluster, count in controller.replicas.items() if count > 0]
        return {site.site for cluster, count in seen for site in self.store.replicas[cluster][count - 1].sites}

    def _back_up(self) -> None:
        store, oracle = self.store, self.oracle
        self.backups.append(
            Backup(
                revisions=len(store.log),
                retained=frozenset(store.revisions),
                declarations=len(store.declarations),
                templates=len(store.templates),
                replicas={cluster: len(history) for cluster, history in store.replicas.items()},
                operators=frozenset(store.operators),
                processed=frozenset(oracle.processed),
                accounted=frozenset(oracle.accounted),
            )
        )

    def is_taken(self, version: int) -> bool:
        """Whether the store has a revision of this name: then it creates no other."""
        return version in self.store.revisions

    def project(self, index: int) -> None:
        """A controller renders the head that it knows as the MCPContext."""
        history = self.history(self.controllers[index % 2])
        if history and (not self.store.templates or self._template_digest() != history[-1].chain_digest):
            committed = any(each.chain_digest == history[-1].chain_digest for each in self.store.log)
            require(committed, Invariant.I10_ONE_HISTORY, f"revision {history[-1].version} was never committed")
            context = self.store.declarations[-1]
            self.store.templates.append(Desired.of(project.served(context, history[-1])))

    def tidy(self, index: int) -> None:
        """A controller deletes revisions that are no longer kept, and what people proposed once it is decided."""
        controller = self.controllers[index % 2]
        if controller.declared == 0:
            return
        observed, now = self._observed(controller), datetime.fromtimestamp(self.now / 1000, UTC)
        stored = ordered(controller.revisions)
        for revision in expired(stored, observed.sites, self.setup.spec.history, now).revisions:
            self.store.revisions.pop(revision.version, None)
        history = self.history(controller)
        for site in controller.operators if history else ():
            state = self.store.operators.get(site)
            if state and all(includes(history[-1].version_vector, change.dot) for change in state.changes):
                del self.store.operators[site]

    def ask(self, index: int) -> None:
        """A controller asks sites for inventories of what the store has lost; their members hear of it."""
        controller = self.controllers[index % 2]
        history, stored = self.history(controller), self.store.revisions.values()
        known = {revision.chain_digest for revision in stored}
        for site in self._observed(controller).sites if controller.declared else ():
            lost = site.pod and not may_be_merged(history, site) and site.base_digest not in known
            for pod in self.pods:
                if site.pod == pod.name and pod.holding and not pod.cluster.partitioned:
                    pod.holding.want_inventory(wanted=bool(lost))

    def let_time_pass(self) -> None:
        """More than a week, in which controllers at least have seen what there was before; backups are used up.

        A restored store hears from all members sooner: that is the limit of what `core.hub.compact` promises.
        """
        if self.restored:
            return
        for controller in (*self.controllers, self._oldest):
            self._list_all(controller)
        self.backups.clear()
        self.tick(_LONG_MILLIS)

    def history(self, controller: Controller) -> list[ContextRevisionSpec]:
        """What a controller takes for the history."""
        return linked(ordered(controller.revisions))

    def _advance(
        self, observed: Observed, history: list[ContextRevisionSpec], merger: Merger
    ) -> ContextRevisionSpec | None:
        with patch("core.hub.advance.INLINE_LIMIT_BYTES", self.payload_limit):
            return advance(observed.context, observed.sites, history, merger)

    def _template_digest(self) -> str:
        return self.store.templates[-1].spec.chain_digest

    def _merger(self, controller: Controller, history: list[ContextRevisionSpec]) -> Merger:
        memory = controller.memory
        if memory is not None and memory.is_lost_from(history):
            controller.incarnation = self.draw()
        controller.memory = Memory(controller.incarnation, history[-1] if history else None)
        lately = frozenset(site for site, at in controller.last_named.items() if self.now - at < _RECENTLY_MILLIS)
        return Merger(controller.incarnation, max(self.now + controller.skew, 0), lately)

    def _observed(self, controller: Controller) -> Observed:
        seen = [(cluster, count) for cluster, count in controller.replicas.items() if count > 0]
        specs = [self.store.replicas[cluster][count - 1] for cluster, count in seen]
        people = [state for site, state in self.store.operators.items() if site in controller.operators]
        sites = [*(site for spec in specs for site in spec.sites), *people]
        return Observed(self.store.declarations[controller.declared - 1], sites)

    def _create(
        self,
        controller: Controller,
        observed: Observed,
        history: list[ContextRevisionSpec],
        merger: Merger,
        revision: ContextRevisionSpec,
    ) -> bool:
        """The store takes the revision: whether that is a commit. What it decides is noted."""
        head = self.store.head
        if head is not None and revision.parent != head.chain_digest and revision.version <= head.version:
            self.store.revisions[revision.version] = revision
            newest = linked(ordered(self.store.revisions))[-1]
            require(newest == head, Invariant.I10_ONE_HISTORY, f"version {revision.version} is made twice")
            return False
        self.check_follows(revision)
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
            message = f"declaration {observed.generation} says nothing of {change.item}"
            require(change.item in tags, Invariant.I11_NO_PHANTOM, message)
            self.oracle.bind(change.dot, tags[change.item])
        self.note_revision(head, revision, observed.sites, list(declared.changes))
        self.store.log.append(revision)
        self.store.revisions[revision.version] = revision
        self._back_up()
        return True

    def _check_exactly_once(self, controller: Controller, observed: Observed, merger: Merger) -> None:
        """Nothing of what has just been committed is new any more."""
        history = self.history(controller)
        again = self._advance(observed, history, merger)
        # What others have deleted may have made room.
        owed = any(site.inventory for site in observed.sites) or self.payload_limit < INLINE_LIMIT_BYTES
        message = f"the same proposals make revision {history[-1].version + 1}"
        require(again is None or owed, Invariant.I4_EXACTLY_ONCE, message)


def ordered(revisions: dict[int, ContextRevisionSpec]) -> list[ContextRevisionSpec]:
    """Oldest first."""
    return [revisions[version] for version in sorted(revisions)]
