"""A run: a seed decides what the world is like and what happens in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random

from api.federated_context import FederatedContextSpec, HistoryLimits
from api.names import INLINE_LIMIT_BYTES
from tests.model.parts import Setup
from tests.model.settling import settle
from tests.model.violation import Invariant, Violation
from tests.model.world import World

HOUR_MILLIS = 3_600_000
POLICIES = ("ThreeWayMerge", "LastWriterWins", "ControlPlaneWins", "ClusterPriority", "Manual")


RESTORED = 0.25
"""Share of the runs in which the control plane is restored from backups; in the others pods and journals are lost."""
UPKEEP_SHARE = 0.25
"""In a run with upkeep: the share of operations that are followed by one of upkeep."""
STEPS = 20
"""Operations of a short run, before the world comes to rest."""


@dataclass
class Tally:
    """What runs came to."""

    runs: int = 0
    steps: int = 0
    commits: int = 0
    conflicts: int = 0
    violations: list[tuple[int, Violation]] = field(default_factory=list[tuple[int, Violation]])
    """With the seed of each."""

    def add(self, other: "Tally") -> None:
        self.runs += other.runs
        self.steps += other.steps
        self.commits += other.commits
        self.conflicts += other.conflicts
        self.violations += other.violations

    def __str__(self) -> str:
        return (
            f"runs {self.runs}  steps {self.steps}  commits {self.commits}  conflicts {self.conflicts}  "
            f"violations {len(self.violations)}"
        )


def run_many(seeds: Iterable[int], steps: int = STEPS, until: Invariant | None = None) -> Tally:
    """A run for each seed, or until an invariant is violated; to be called within `volumes_in_memory`."""
    tally = Tally()
    for seed in seeds:
        try:
            tally.add(run(seed, steps))
        except Violation as violation:
            tally.add(Tally(runs=1, violations=[(seed, violation)]))
            if violation.invariant is until:
                break
    return tally


def reproduction(seed: int, steps: int, mutant: str | None = None) -> str:
    """The command that runs one seed again."""
    chosen = f" --mutant {mutant}" if mutant else ""
    return f"python -m tests.model.soak --seed {seed} --runs 1 --steps {steps}{chosen}"


def run(seed: int, steps: int, *, upkeep: bool = True) -> Tally:
    """One run.

    Args:
        seed: decides everything.
        steps: operations before the world comes to rest.
        upkeep: whether there is also what a context meets in a longer life: retention, people who roll back, full
            payloads, weeks in which nothing happens. It has a random source of its own.

    Raises:
        Violation: an invariant does not hold.
    """
    random = Random(seed)
    setup, later = draw_setup(random), Random(f"upkeep {seed}")
    world = World(draw_longer_life(setup, later) if upkeep else setup)
    # To lose the store and the only holder of what it had is one fault too many.
    operations = _WITH_RESTORE if random.random() < RESTORED else _WITH_LOSS
    world.declare(dict.fromkeys(range(random.randint(0, 2)), 0))
    for _ in range(steps):
        world.tick(random.choice((0, 0, 1, 1, 2, 5, 600)))
        random.choice(operations)(world, random)
        if upkeep and later.random() < UPKEEP_SHARE:
            later.choice(_UPKEEP)(world, later)
    settle(world)
    return Tally(1, world.steps, len(world.store.log), world.conflicts)


def draw_setup(random: Random) -> Setup:
    """What a run is about."""
    count = random.choice((2, 2, 3, 3, 4, 5))
    clusters = [f"m{number}" for number in range(min(count, random.randint(2, 4)))]
    pods = tuple((clusters[index % len(clusters)], f"p{index}") for index in range(count))
    skews = tuple(random.choice((0, 0, 0, 40, -40, 3 * HOUR_MILLIS, -HOUR_MILLIS // 4)) for _ in range(count + 2))
    items = tuple(f"i{number}" for number in range(random.randint(1, 4)))
    return Setup(pods, items, draw_spec(random, clusters), skews)


def draw_longer_life(setup: Setup, random: Random) -> Setup:
    """With short histories, and payloads that fill up."""
    kept = HistoryLimits(revisions=random.choice((1, 2, 3, 5, 20)), days=random.choice((None, None, 1)))
    limit = random.choice((INLINE_LIMIT_BYTES, INLINE_LIMIT_BYTES, INLINE_LIMIT_BYTES, 150, 300))
    spec = setup.spec.model_copy(update={"history": kept})
    return replace(setup, spec=spec, payload_limit=limit)


def draw_spec(random: Random, clusters: list[str]) -> FederatedContextSpec:
    """Policies, directions and type of the context."""
    rules = [{"match": "i0", "direction": random.choice(("FromControlPlane", "FromMember"))}]
    policy = {
        "default": random.choice(POLICIES),
        "priority": clusters[:1],
        "rules": rules if random.random() < 0.15 else [],
    }
    kind = random.choice(("tools", "resources"))
    return FederatedContextSpec.model_validate({"mcpServerName": "s", "contextType": kind, "conflictPolicy": policy})


def _any(random: Random) -> int:
    return random.randrange(1 << 16)


def _edit(world: World, random: Random) -> None:
    revert = _any(random) if random.random() < 0.1 else None
    world.edit(_any(random), _any(random), _any(random), revert)


def _declare(world: World, random: Random) -> None:
    world.declare({_any(random): None if random.random() < 0.25 else _any(random)})


def _apply(world: World, random: Random) -> None:
    crash = random.randrange(12) if random.random() < 0.25 else None
    interruption = (random.randrange(6), _any(random), _any(random)) if random.random() < 0.1 else None
    world.apply(_any(random), crash, interruption)


def _scan(world: World, random: Random) -> None:
    world.scan(_any(random), random.randrange(3) if random.random() < 0.1 else None)


def _publish(world: World, random: Random) -> None:
    pod = _any(random)
    world.scan(pod)
    world.publish(pod)


def _deliver(world: World, random: Random) -> None:
    world.deliver(_any(random), _any(random) if random.random() < 0.25 else 0)


def _observe(world: World, random: Random) -> None:
    world.observe(_any(random), _any(random), random.choice((0, 0, 0, 1, 2)))


def _commit(world: World, random: Random) -> None:
    controller = _any(random)
    if random.random() < 0.7:
        world.observe_all(controller)
    world.reconcile(controller)
    if random.random() < 0.8:
        world.project(controller)


def _travel(world: World, random: Random) -> None:
    """A change goes all the way, as it does nearly always."""
    pod, controller = _any(random), _any(random)
    world.scan(pod)
    world.publish(pod)
    world.mirror(list(world.clusters).index(world.pod(pod).cluster.name))
    world.observe_all(controller)
    world.reconcile(controller)
    world.project(controller)


def _arrive(world: World, random: Random) -> None:
    """The newest revision comes to a cluster and is applied there, as it nearly always is."""
    cluster = _any(random)
    world.deliver(cluster)
    for index, pod in enumerate(world.pods):
        if pod.cluster is world.cluster(cluster):
            world.apply(index)


def _replace_pod(world: World, random: Random) -> None:
    world.replace_pod(_any(random), same_name=random.random() < 0.5, graceful=random.random() < 0.5)


def _lose_journal(world: World, random: Random) -> None:
    world.lose_journal(_any(random))


def _restore(world: World, random: Random) -> None:
    world.restore(_any(random))


def _operate(world: World, random: Random) -> None:
    world.operate(_any(random), _any(random), _any(random) if random.random() < 0.7 else None)


def _let_time_pass(world: World, _random: Random) -> None:
    world.let_time_pass()


def _fall_behind(world: World, random: Random) -> None:
    """One controller is stopped while the other commits and tidies up; then it goes on with what it was about to do."""
    stopped = _any(random)
    _edit_and_propose(world, random)
    world.observe_all(stopped)
    for _ in range(random.choice((2, 3, 5))):
        pod = _edit_and_propose(world, random)
        world.observe_all(stopped + 1)
        world.reconcile(stopped + 1)
        world.project(stopped + 1)
        world.deliver(pod)
        for index, each in enumerate(world.pods):
            if each.cluster is world.cluster(pod):
                world.apply(index)
                world.publish(index)
        world.mirror(pod)
        world.observe_all(stopped + 1)
        world.tidy(stopped + 1)
    world.reconcile(stopped, dies=random.random() < 0.3)
    world.project(stopped)
    _arrive(world, random)


def _edit_and_propose(world: World, random: Random) -> int:
    """Somebody edits an item, and the control plane stores the proposal; the index of the cluster."""
    pod = _any(random)
    world.edit(pod, _any(random), _any(random))
    world.scan(pod)
    world.publish(pod)
    cluster = list(world.clusters).index(world.pod(pod).cluster.name)
    world.mirror(cluster)
    return cluster


_OPERATIONS: dict[str, Callable[[World, Random], None]] = {
    "edit": _edit,
    "delete": lambda world, random: world.delete(_any(random), _any(random)),
    "declare": _declare,
    "scan": _scan,
    "publish": _publish,
    "apply": _apply,
    "mirror": lambda world, random: world.mirror(_any(random), dies=random.random() < 0.1),
    "deliver": _deliver,
    "observe": _observe,
    "commit": _commit,
    "travel": _travel,
    "arrive": _arrive,
    "project": lambda world, random: world.project(_any(random)),
    "restart": lambda world, random: world.restart(_any(random)),
    "restart_controller": lambda world, random: world.restart_controller(_any(random)),
    "partition": lambda world, random: world.partition(_any(random), cut=random.random() < 0.5),
}
_SHARES = {
    "edit": 22, "delete": 4, "declare": 5, "scan": 2, "publish": 4, "apply": 12, "mirror": 4, "deliver": 8,
    "observe": 5, "commit": 6, "travel": 14, "arrive": 12, "project": 2, "restart": 1, "restart_controller": 1,
    "partition": 2,
}  # fmt: skip
_UPKEEP: list[Callable[[World, Random], None]] = [
    lambda world, random: world.tidy(_any(random)),
    lambda world, random: world.tidy(_any(random)),
    lambda world, random: world.reconcile(_any(random), dies=True),
    lambda world, random: world.ask(_any(random)),
    _operate,
    _operate,
    _let_time_pass,
    _fall_behind,
]
_COMMON = [operation for name, share in _SHARES.items() for operation in [_OPERATIONS[name]] * share]
_WITH_LOSS = [*_COMMON, _replace_pod, _replace_pod, _lose_journal, _lose_journal]
_WITH_RESTORE = [*_COMMON, _restore, _restore, _restore]
