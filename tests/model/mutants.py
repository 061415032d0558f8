"""Mutants: one rule of the protocol switched off at a time, by patching the real function, to prove that the rule is
needed and that the simulation would notice its loss."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from api.context_replica import Change, ContextReplicaSpec, SiteState
from api.context_revision import ContextRevisionSpec
from core.hub import advance as advancing
from core.hub import compact, declare, recover
from core.hub import merge as merging
from core.hub.merge import Merger
from core.member import collect
from core.site import detect
from core.site import plan as planning
from core.site import state as site_state
from core.site.detect import Present
from core.site.intent import FileStep, Found
from core.site.journal import Journal
from core.site.plan import Desired, Plan, Refusal
from core.values import clock, version_vector
from tests.model import volume
from tests.model.violation import Invariant

Patch = AbstractContextManager[Any]


@dataclass(frozen=True)
class Mutant:
    """A rule that is switched off."""

    rule: str
    """What no longer holds."""
    killed_by: Invariant
    """An invariant that is then violated."""
    patches: Callable[[], list[Patch]]
    first_seed: int = 1
    """Of the runs in which it is found out: other than 1 where it takes a rare one."""
    steps: int = 30
    """Of those runs."""

    @contextmanager
    def applied(self) -> Generator[None]:
        """With the rule switched off."""
        with ExitStack() as stack:
            for each in self.patches():
                stack.enter_context(each)
            yield


def _always(answer: Any) -> Callable[..., Any]:
    def constant(*_: object, **__: object) -> Any:
        return answer

    return constant


def _no_dedupe() -> list[Patch]:
    return [patch("core.hub.merge.version_vector", _Vector(_always(False)))]


class _Vector:
    """core.values.version_vector with another `includes`."""

    def __init__(self, includes: Callable[[Any, Any], bool]) -> None:
        self.includes = includes
        self.least_upper_bound = version_vector.least_upper_bound
        self.dominates = version_vector.dominates


def _blind_fast_forward() -> list[Patch]:
    def decide(state: Any, change: Change, history: Any, spec: Any, merger: Any) -> Any:
        held = state.items.get(change.item)
        seen = change if held is None else change.model_copy(update={"base_dot": held.dot})
        return original(state, seen, history, spec, merger)

    original: Any = merging._take_in
    return [patch("core.hub.merge._take_in", decide)]


def _no_own_site() -> list[Patch]:
    def decide(state: Any, change: Change, history: Any, spec: Any, merger: Any) -> Any:
        held = state.items.get(change.item)
        if held is None or held.dot.site != change.dot.site or held.dot == change.base_dot:
            return original(state, change, history, spec, merger)
        revised = merging.revised_item(change)
        if held.digest == revised.digest:
            return original(state, change, history, spec, merger)
        return merging.settle_concurrent(state, held, revised, None, change.base_dot, spec, merger)

    original: Any = merging._take_in
    return [patch("core.hub.merge._take_in", decide)]


def _wall_clock() -> list[Patch]:
    def tick(_last: str, now_millis: int) -> str:
        return clock.encode(now_millis)

    return [patch("core.values.clock.tick", tick)]


def _no_intent() -> list[Patch]:
    return [patch.object(volume.MemoryRecords, "intent", _always(None))]


def _no_read_your_writes() -> list[Patch]:
    return [patch.object(Journal, "is_undecided", _always(False))]


def _no_compare() -> list[Patch]:
    def compare(step: FileStep, now: str | None) -> Found:
        return Found.DONE if now == step.after else Found.EXPECTED

    return [
        patch("controllers.agent.revision_write.may_replace", _always(True)),
        patch.object(FileStep, "compare", compare),
    ]


def _accept_older() -> list[Patch]:
    return [patch("core.site.plan._refuse", _always(None))]


def _no_incarnation() -> list[Patch]:
    return [patch("tests.model.world.World.draw", _always("00000001"))]


def _join_as_new() -> list[Patch]:
    def first_journal(site: str, incarnation: str, desired: Desired, present: Present) -> Journal:
        return original(site, incarnation, desired, present).model_copy(update={"held": {}})

    original = planning.first_journal
    return [patch("controllers.agent.holding.first_journal", first_journal)]


def _early_release() -> list[Patch]:
    return [patch("core.member.collect.releasable", _always(True))]


def _forget_gone_pods() -> list[Patch]:
    def collected(place: Any, vector: Any, pods: Any, _stored: Any, problems: Any = ()) -> ContextReplicaSpec:
        return original(place, vector, pods, None, problems)

    original = collect.collect
    return [patch("core.member.collect.collect", collected)]


def _lost_tombstones() -> list[Patch]:
    def decide(state: Any, change: Change, history: Any, spec: Any, merger: Any) -> Any:
        outcome = original(state, change, history, spec, merger)
        state.conflicts = [found for found in state.conflicts if not found.lost.deleted]
        return outcome

    original: Any = merging._take_in
    return [patch("core.hub.merge._take_in", decide)]


def _loser_not_recorded() -> list[Patch]:
    return [patch("core.hub.merge.record", _always(None))]


def _event_driven() -> list[Patch]:
    """Whatever was written is a change, as one who trusts file events would have it."""

    def detected(journal: Journal, present: Present, now_millis: int) -> Journal:
        touched = [name for name in journal.held if name in present.digests and name not in journal.pending]
        forgotten = {name: held for name, held in journal.held.items() if name not in touched}
        if not touched or journal.base.version == 0:
            return original(journal, present, now_millis)
        found = original(journal.model_copy(update={"held": forgotten}), present, now_millis)
        return found.model_copy(update={"held": journal.held})

    original = detect.detect
    return [patch("controllers.agent.detection.detect", detected)]


def _hold_the_target() -> list[Patch]:
    """A kept item claims to have seen the revision that it was kept from."""

    def completed(journal: Journal, revision: Desired, kept: Any) -> Journal:
        done = original(journal, revision, kept)
        return done.model_copy(update={"held": dict(revision.targets)})

    original = planning.complete
    return [patch("controllers.agent.revision_write.complete", completed)]


def _half_a_proposal() -> list[Patch]:
    """A proposal says only what is new since the last one, and is not cumulative."""

    def state(*arguments: Any) -> SiteState:
        whole = original(*arguments)
        return whole.model_copy(update={"changes": whole.changes[-1:]})

    original = site_state.site_state
    return [patch("controllers.agent.report.site_state", state)]


def _overwrite_commits() -> list[Patch]:
    """A revision is put, not created: whoever is last has the version."""
    return [patch("tests.model.world.World.is_taken", _always(False))]


def _trust_a_create() -> list[Patch]:
    """A controller goes on from what it has created, without a look at what was committed meanwhile."""

    def follow(world: Any, controller: Any) -> None:
        versions = controller.revisions.keys() | {max(controller.revisions, default=0) + 1}
        controller.revisions = {v: world.store.revisions[v] for v in versions if v in world.store.revisions}

    return [patch("tests.model.world.World.follow", follow)]


def _forget_live_sites() -> list[Patch]:
    def compacted(vector: dict[str, str], _sites: Any, now_millis: int) -> dict[str, str]:
        return original(vector, (), now_millis)

    original = compact.without_gone_sites
    return [patch("core.hub.compact.without_gone_sites", compacted)]


def _forget_at_once() -> list[Patch]:
    """A site is gone as soon as this controller's caches do not name it."""

    def compacted(state: Any, sites: Any, merger: Merger) -> Any:
        return original(state, sites, replace(merger, recently_seen=frozenset()))

    original: Any = advancing._compacted
    return [patch("core.hub.advance._compacted", compacted)]


def _forget_gone_sites() -> list[Patch]:
    """A site that is no longer named is not accounted for either."""

    def compacted(vector: dict[str, str], sites: Any, now_millis: int) -> dict[str, str]:
        found = original(vector, sites, now_millis)
        return {site: hlc for site, hlc in found.items() if site != version_vector.RETIRED}

    original = compact.without_gone_sites
    return [patch("core.hub.compact.without_gone_sites", compacted)]


def _old_is_decided() -> list[Patch]:
    """A change of a site that nobody names is taken for decided because it is old."""
    covers = version_vector.covers
    return [
        patch("core.hub.merge.version_vector", _Vector(covers)),
        patch("core.site.journal.includes", covers),
        patch("core.member.collect.includes", covers),
    ]


def _operator_clears() -> list[Patch]:
    """An operator's decision drops conflicts that the operator has not seen."""

    def decide(state: Any, change: Change, *context: Any) -> None:
        opened = [found.lost.dot for found in state.conflicts if found.open]
        original(state, change, *context)
        state.conflicts = [found for found in state.conflicts if found.open or found.lost.dot not in opened]

    original: Any = merging._take_in
    return [patch("core.hub.merge._take_in", decide)]


def _old_declaration() -> list[Patch]:
    def declared(head: ContextRevisionSpec | None, payload: Any, generation: int, merger: Any) -> Any:
        if head is not None and head.declared.generation > generation:
            older = head.declared.model_copy(update={"generation": 0})
            return original(head.model_copy(update={"declared": older}), payload, generation, merger)
        return original(head, payload, generation, merger)

    original = declare.declare
    return [patch("core.hub.declare.declare", declared), patch("core.hub.advance.declare", declared)]


def _recover_while_behind() -> list[Patch]:
    return [patch("tests.model.world.World._is_recovery_behind", _always(False))]


def _trust_any_lost_base() -> list[Patch]:
    def had_seen(*known: Any) -> bool:
        *others, inventory = known
        return original(*others, inventory.model_copy(update={"items": []}))

    original: Any = recover._had_seen
    return [patch("core.hub.recover._had_seen", had_seen)]


def _plan_without_kept() -> list[Patch]:
    def planned(journal: Journal, revision: Desired, present: Present) -> Plan | Refusal | None:
        found = original(journal, revision, present)
        return Plan(found.writes, frozenset()) if isinstance(found, Plan) else found

    original = planning.plan
    return [patch("controllers.agent.holding.plan", planned)]


MUTANTS: dict[str, Mutant] = {
    "no-dedupe": Mutant("a change that is taken in is not taken in again", Invariant.I4_EXACTLY_ONCE, _no_dedupe),
    "blind-fast-forward": Mutant("only who saw the head replaces it", Invariant.I2_NO_LOSS, _blind_fast_forward),
    "no-own-site": Mutant("a site has seen what it wrote itself", Invariant.I5_NO_RESURRECTION, _no_own_site),
    "wall-clock": Mutant("clocks are hybrid logical ones", Invariant.I5_NO_RESURRECTION, _wall_clock),
    "no-intent": Mutant("an interrupted write is finished first", Invariant.I11_NO_PHANTOM, _no_intent),
    "no-compare": Mutant("a file is compared before it is replaced", Invariant.I2_NO_LOSS, _no_compare),
    "no-read-your-writes": Mutant("an undecided edit stays", Invariant.I6_READ_YOUR_WRITES, _no_read_your_writes),
    "forget-kept": Mutant("a kept item's change stays pending", Invariant.I12_NO_STALE_AS_NEW, _plan_without_kept),
    "hold-the-target": Mutant("a kept item has not seen the revision", Invariant.I2_NO_LOSS, _hold_the_target),
    "accept-older": Mutant("an older revision is refused", Invariant.I1_ORDER, _accept_older),
    "no-incarnation": Mutant("a site without journal is another site", Invariant.I2_NO_LOSS, _no_incarnation),
    "join-as-new": Mutant("what is found at a join is no change", Invariant.I12_NO_STALE_AS_NEW, _join_as_new),
    "early-release": Mutant("a dead pod's replica stays until it is safe", Invariant.I2_NO_LOSS, _early_release),
    "forget-gone-pods": Mutant("what only the control plane knows stays", Invariant.I2_NO_LOSS, _forget_gone_pods),
    "lost-tombstones": Mutant("a deletion that lost is recorded", Invariant.I2_NO_LOSS, _lost_tombstones),
    "loser-not-recorded": Mutant("a loser is recorded", Invariant.I2_NO_LOSS, _loser_not_recorded),
    "event-driven": Mutant("changes are found by content", Invariant.I12_NO_STALE_AS_NEW, _event_driven),
    "half-a-proposal": Mutant("a proposal is cumulative", Invariant.I2_NO_LOSS, _half_a_proposal),
    "overwrite-commits": Mutant("a version is created once", Invariant.I10_ONE_HISTORY, _overwrite_commits),
    "trust-a-create": Mutant("a create is checked against the history", Invariant.I10_ONE_HISTORY, _trust_a_create),
    "forget-live-sites": Mutant("a site that is seen keeps its entry", Invariant.I4_EXACTLY_ONCE, _forget_live_sites),
    "forget-at-once": Mutant("other caches may still name a site", Invariant.I4_EXACTLY_ONCE, _forget_at_once),
    "forget-gone-sites": Mutant("sites no longer named are accounted for", Invariant.I1_ORDER, _forget_gone_sites),
    "old-is-decided": Mutant("only what was taken in is decided", Invariant.I2_NO_LOSS, _old_is_decided),
    "operator-clears": Mutant("an unseen conflict outlives a decision", Invariant.I2_NO_LOSS, _operator_clears),
    "recover-while-behind": Mutant(
        "a recovery is decided on what is stored", Invariant.I1_ORDER, _recover_while_behind, first_seed=7_720_050_800
    ),
    "trust-any-lost-base": Mutant(
        "what a site has not applied it has not seen",
        Invariant.I9_RECOVERY,
        _trust_any_lost_base,
        first_seed=7_750_070_000,
        steps=20,
    ),
    "old-declaration": Mutant("a declaration is taken in once", Invariant.I11_NO_PHANTOM, _old_declaration),
}
