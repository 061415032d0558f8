"""Pods that a node finds when it starts."""

import pytest

from fleet.node.adoption import initial_record
from fleet.node.status import ContainerRecord, Terminated, Waiting
from kube.kinds import Object
from tests.unit.fleet.node.pods import a_container, a_pod

NOW = "2026-01-01T00:01:00Z"
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def ended(exit_code: int) -> Object:
    return {"terminated": {"exitCode": exit_code, "reason": "x", "finishedAt": NOW}}


def adopted(policy: str, reported: Object, *, init: bool = False) -> ContainerRecord:
    pod = a_pod(restartPolicy=policy)
    pod["status"]["initContainerStatuses" if init else "containerStatuses"] = [
        {"name": "main", "restartCount": 4} | reported
    ]
    return initial_record(pod, a_container(), init=init, now=NOW)


def test_a_new_pod_starts_from_nothing() -> None:
    record = initial_record(a_pod(), a_container(), init=False, now=NOW)
    assert record == ContainerRecord("main", "mcp-federation:test", Waiting("ContainerCreating"))


def test_a_main_container_behind_init_containers_says_so() -> None:
    pod = a_pod(initContainers=[a_container("init")])
    assert initial_record(pod, a_container(), init=False, now=NOW).state == Waiting("PodInitializing")
    assert initial_record(pod, a_container("init"), init=True, now=NOW).state == Waiting("ContainerCreating")


def test_a_container_that_was_running_counts_as_killed_and_waits() -> None:
    record = adopted("Always", {"state": RUNNING})
    assert isinstance(record.state, Waiting)
    assert record.last == Terminated(137, "ContainerStatusUnknown", "2026-01-01T00:00:00Z", NOW)
    assert record.restarts == 4


def test_a_container_that_may_not_restart_stays_ended() -> None:
    record = adopted("Never", {"state": RUNNING})
    assert isinstance(record.state, Terminated)
    assert record.state.exit_code == 137


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_an_init_container_that_succeeded_does_not_run_again(policy: str) -> None:
    record = adopted(policy, {"state": ended(0)}, init=True)
    assert isinstance(record.state, Terminated)


def test_a_container_in_back_off_keeps_its_last_end() -> None:
    record = adopted("Always", {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(3)})
    assert isinstance(record.state, Waiting)
    assert record.last
    assert record.last.exit_code == 3
