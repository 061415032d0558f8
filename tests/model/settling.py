"""At the end of a run edits stop and links heal: the world must come to rest, and nothing may be missing."""

from api.names import INLINE_LIMIT_BYTES
from tests.model.oracle import name_of
from tests.model.violation import Invariant, require
from tests.model.world import World

_ROUNDS = 12


def settle(world: World) -> None:
    """Heals everything, lets every process run until nothing is written any more, and checks what is there.

    Raises:
        Violation: an invariant does not hold.
    """
    for index in range(len(world.clusters)):
        world.partition(index, cut=False)
    world.payload_limit = INLINE_LIMIT_BYTES
    before = None
    for number in range(_ROUNDS):
        _round(world, number)
        now = _written(world)
        if now == before:
            break
        before = now
    else:
        require(condition=False, invariant=Invariant.I7_NO_ECHO, what="the world does not come to rest")
    _check_convergence(world)
    _check_nothing_lost(world)
    _check_no_resurrection(world)


def _round(world: World, number: int) -> None:
    for index in range(len(world.pods)):
        world.tick(1)
        world.apply(index)
        world.publish(index)
    for index in range(len(world.clusters)):
        world.mirror(index)
    controller = number % len(world.controllers)
    world.observe_all(controller)
    world.reconcile(controller)
    world.project(controller)
    world.tidy(controller)
    world.ask(controller)
    for index in range(len(world.clusters)):
        world.deliver(index)


def _written(world: World) -> tuple[int, ...]:
    disks = (pod.disk.writes for pod in world.pods)
    replicas = (len(history) for history in world.store.replicas.values())
    stored = (len(world.store.revisions), len(world.store.operators))
    return (len(world.store.log), len(world.store.templates), *stored, *disks, *replicas)


def _check_convergence(world: World) -> None:
    head = world.store.head
    wanted = {item.name: item.digest for item in head.items if item.digest} if head else {}
    for pod in world.pods:
        digests = dict(pod.disk.scan().present.digests)
        require(digests == wanted, Invariant.I3_CONVERGENCE, f"{pod.cluster.name}/{pod.name} is not like the head")
        journal = pod.disk.journal
        require(journal is None or not journal.pending, Invariant.I3_CONVERGENCE, f"{pod.name} waits for a decision")


def _loss(world: World) -> Invariant:
    return Invariant.I9_RECOVERY if world.restored else Invariant.I2_NO_LOSS


def _check_nothing_lost(world: World) -> None:
    oracle, head, lost = world.oracle, world.store.head, _loss(world)
    undecided = oracle.promised - oracle.accounted
    require(not undecided, lost, f"never decided: {sorted(undecided)}")
    heads = {oracle.by_dot[name_of(item.dot)] for item in head.items} if head else set[int]()
    # A site's later change may have come instead of an earlier one: both are decided.
    decided = oracle.decided() | heads | {oracle.by_dot[dot] for dot in oracle.promised}
    decided -= oracle.merged - heads
    # What a merged content was made of is safe with it. What came back from a lost branch was decided there: what its
    # writers had seen was replaced, even if the record of their own loss is gone with the branch.
    vector = head.version_vector if head else {}
    accounted = {event for (site, hlc), event in oracle.by_dot.items() if hlc <= vector.get(site, "")}
    kept = decided | (oracle.merged & oracle.losers) | accounted
    replaced = set[int]().union(*(oracle.events[event].past for event in kept))
    safe = heads | replaced | oracle.losers | oracle.forgotten
    for event in sorted(decided):
        require(bool(oracle.equals(event) & safe), lost, f"{oracle.describe(event)} is gone")
    _check_edits_on_disks(world, safe)


def _check_edits_on_disks(world: World, safe: set[int]) -> None:
    """What people wrote on disks that still exist was proposed, or has changed nothing, or was saved."""
    oracle, lost = world.oracle, _loss(world)
    followed = set[int]().union(*(event.past for event in oracle.events))
    for pod in world.pods:
        for event in oracle.events:
            if event.writer != pod.disk.name or event.number in followed or event.text is None:
                continue
            known = event.number in oracle.dots_of or event.number in oracle.same or event.number in pod.disk.rescued
            there = _equals_head(world, event.item, event.text)
            require(known or there, lost, f"{oracle.describe(event.number)} was never proposed")


def _equals_head(world: World, item: str, text: str) -> bool:
    head = world.store.head
    return any(one.name == item and one.content and one.content.text == text for one in (head.items if head else []))


def _check_no_resurrection(world: World) -> None:
    oracle, head = world.oracle, world.store.head
    for item in head.items if head else []:
        event = oracle.by_dot[name_of(item.dot)]
        if world.restored and event in oracle.merged:
            continue  # it may rightly have parts of a branch that was lost
        for other in oracle.decided():
            back = event in oracle.events[other].past and oracle.equals(other) == {other} - oracle.losers
            require(
                not back,
                Invariant.I5_NO_RESURRECTION,
                f"{oracle.describe(event)} is back after {oracle.describe(other)}",
            )
