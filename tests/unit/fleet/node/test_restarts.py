"""Restart policy and back-off."""

import pytest

from fleet.node.restarts import may_restart, next_delay, restart_policy
from tests.unit.fleet.node.pods import a_container, a_pod


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarts"),
    [("Always", 0, True), ("Always", 1, True), ("OnFailure", 0, False), ("OnFailure", 1, True), ("Never", 1, False)],
)
def test_the_policy_decides_on_the_exit_code(policy: str, exit_code: int, restarts: bool) -> None:
    assert may_restart(policy, exit_code) is restarts


def test_the_wait_doubles_from_ten_seconds_to_five_minutes_after_an_immediate_first_restart() -> None:
    waits: list[float] = []
    previous: float | None = None
    for _ in range(8):
        previous = next_delay(previous, ran_for=1)
        waits.append(previous)
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_long_run_resets_the_wait() -> None:
    assert next_delay(160, ran_for=600) == 0
    assert next_delay(160, ran_for=599) == 300


def test_init_containers_run_until_they_succeed_and_sidecars_always() -> None:
    assert restart_policy(a_pod(), a_container(), init=True) == "OnFailure"
    assert restart_policy(a_pod(restartPolicy="Never"), a_container(), init=True) == "Never"
    assert restart_policy(a_pod(restartPolicy="Never"), a_container(restartPolicy="Always"), init=True) == "Always"
    assert restart_policy(a_pod(), a_container(), init=False) == "Always"
