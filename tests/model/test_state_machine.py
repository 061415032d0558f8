"""The same world, driven by Hypothesis, which makes a failing run as short as it can."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from api.federated_context import FederatedContextSpec
from tests.model.parts import Setup
from tests.model.settling import settle
from tests.model.simulation import HOUR_MILLIS, POLICIES
from tests.model.world import World

INDEX = st.integers(0, 4)
LINE = st.integers(0, 2)


class Federation(RuleBasedStateMachine):
    """Any operation at any time."""

    @initialize(
        policy=st.sampled_from(POLICIES),
        kind=st.sampled_from(("tools", "resources")),
        pods=st.integers(2, 4),
        items=st.integers(1, 3),
        skews=st.lists(st.sampled_from((0, 40, -40, 3 * HOUR_MILLIS)), min_size=1, max_size=6),
    )
    def begin(self, policy: str, kind: str, pods: int, items: int, skews: list[int]) -> None:
        spec = {"mcpServerName": "s", "contextType": kind, "conflictPolicy": {"default": policy, "priority": ["m0"]}}
        placed = tuple((f"m{index % 2}", f"p{index}") for index in range(pods))
        names = tuple(f"i{index}" for index in range(items))
        self.world = World(Setup(placed, names, FederatedContextSpec.model_validate(spec), tuple(skews)))
        self.world.declare({0: 0})

    @rule(millis=st.sampled_from((0, 1, 600)))
    def wait(self, millis: int) -> None:
        self.world.tick(millis)

    @rule(pod=INDEX, item=INDEX, line=LINE, revert=st.none() | st.integers(0, 9))
    def edit(self, pod: int, item: int, line: int, revert: int | None) -> None:
        self.world.edit(pod, item, line, revert)

    @rule(pod=INDEX, item=INDEX)
    def delete(self, pod: int, item: int) -> None:
        self.world.delete(pod, item)

    @rule(item=INDEX, line=st.none() | LINE)
    def declare(self, item: int, line: int | None) -> None:
        self.world.declare({item: line})

    @rule(pod=INDEX, controller=INDEX)
    def travel(self, pod: int, controller: int) -> None:
        self.world.scan(pod)
        self.world.publish(pod)
        self.world.mirror(pod)
        self.world.observe_all(controller)
        self.world.reconcile(controller)
        self.world.project(controller)

    @rule(pod=INDEX, crash=st.none() | st.integers(0, 2))
    def scan(self, pod: int, crash: int | None) -> None:
        self.world.scan(pod, crash)

    @rule(pod=INDEX)
    def publish(self, pod: int) -> None:
        self.world.publish(pod)

    @rule(cluster=INDEX, dies=st.booleans())
    def mirror(self, cluster: int, dies: bool) -> None:
        self.world.mirror(cluster, dies=dies)

    @rule(cluster=INDEX, age=st.integers(0, 3))
    def deliver(self, cluster: int, age: int) -> None:
        self.world.deliver(cluster, age)

    @rule(pod=INDEX, crash=st.none() | st.integers(0, 11))
    def apply(self, pod: int, crash: int | None) -> None:
        self.world.apply(pod, crash)

    @rule(pod=INDEX, reads=st.integers(0, 4), item=INDEX, line=LINE)
    def apply_while_somebody_edits(self, pod: int, reads: int, item: int, line: int) -> None:
        self.world.apply(pod, None, (reads, item, line))

    @rule(controller=INDEX, what=INDEX, lag=st.integers(0, 2))
    def observe(self, controller: int, what: int, lag: int) -> None:
        self.world.observe(controller, what, lag)

    @rule(controller=INDEX)
    def reconcile(self, controller: int) -> None:
        self.world.reconcile(controller)

    @rule(controller=INDEX)
    def project(self, controller: int) -> None:
        self.world.project(controller)

    @rule(pod=INDEX, same_name=st.booleans(), graceful=st.booleans())
    def replace_pod(self, pod: int, same_name: bool, graceful: bool) -> None:
        self.world.replace_pod(pod, same_name=same_name, graceful=graceful)

    @rule(pod=INDEX)
    def lose_journal(self, pod: int) -> None:
        self.world.lose_journal(pod)

    @rule(cluster=INDEX, cut=st.booleans())
    def partition(self, cluster: int, cut: bool) -> None:
        self.world.partition(cluster, cut=cut)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            settle(self.world)


TestFederation = Federation.TestCase
TestFederation.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
