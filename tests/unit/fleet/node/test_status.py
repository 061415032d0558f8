"""A pod's status from what is known of its containers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from fleet.node.status import (
    ContainerRecord,
    PodRecord,
    Running,
    State,
    Terminated,
    Waiting,
    pod_status,
    timestamp,
)
from kube.kinds import Object
from tests.unit.fleet.node.pods import a_container, a_pod

THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
GOOD, BAD = Terminated(0, "Completed", THEN, NOW), Terminated(3, "Error", THEN, NOW)
RUNNING, CREATING = Running(THEN), Waiting("ContainerCreating")


def one(state: State, name: str = "main", *, up: bool = False) -> ContainerRecord:
    return ContainerRecord(name, "mcp-federation:test", state, started=up, ready=up)


def status(
    pod: Object, *main: ContainerRecord, init: tuple[ContainerRecord, ...] = (), before: Object | None = None
) -> Object:
    return pod_status(pod, PodRecord("127.5.1.1", THEN, init, main), before or {}, NOW)


def condition(of: Object, kind: str) -> Object:
    return {entry["type"]: entry for entry in of["conditions"]}[kind]


@pytest.mark.parametrize(
    ("policy", "states", "phase"),
    [
        ("Always", [CREATING], "Pending"),
        ("Always", [RUNNING, CREATING], "Pending"),
        ("Always", [RUNNING], "Running"),
        ("Always", [GOOD], "Running"),
        ("OnFailure", [BAD], "Running"),
        ("OnFailure", [GOOD, GOOD], "Succeeded"),
        ("OnFailure", [GOOD, RUNNING], "Running"),
        ("Never", [GOOD, BAD], "Failed"),
        ("Never", [GOOD], "Succeeded"),
    ],
)
def test_the_phase_follows_the_main_containers(policy: str, states: list[State], phase: str) -> None:
    names = [f"c{number}" for number in range(len(states))]
    pod = a_pod(*(a_container(name) for name in names), restartPolicy=policy)
    assert status(pod, *(one(state, name) for state, name in zip(states, names, strict=True)))["phase"] == phase


def test_a_container_that_waits_for_its_next_restart_keeps_the_pod_running() -> None:
    record = replace(one(Waiting("CrashLoopBackOff")), last=BAD, restarts=2)
    result = status(a_pod(), record)
    assert result["phase"] == "Running"
    assert result["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 3
    assert result["containerStatuses"][0]["restartCount"] == 2


def test_a_failed_init_container_fails_a_pod_that_never_restarts() -> None:
    pod = a_pod(restartPolicy="Never", initContainers=[a_container("init")])
    assert status(pod, one(CREATING), init=(one(BAD, "init"),))["phase"] == "Failed"


def test_a_deleted_pod_ends_in_a_final_phase_whatever_its_policy() -> None:
    pod = a_pod()
    pod["metadata"]["deletionTimestamp"] = NOW
    assert status(pod, one(GOOD))["phase"] == "Succeeded"
    assert status(pod, one(BAD))["phase"] == "Failed"


def test_a_final_phase_stays() -> None:
    pod = a_pod()
    pod["status"]["phase"] = "Failed"
    assert status(pod, one(CREATING))["phase"] == "Failed"


def test_a_pod_is_ready_when_main_containers_and_sidecars_are() -> None:
    pod = a_pod(initContainers=[a_container("side", restartPolicy="Always")])
    ready = status(pod, one(RUNNING, up=True), init=(one(RUNNING, "side", up=True),))
    assert condition(ready, "Ready")["status"] == "True"
    waits = status(pod, one(RUNNING, up=True), init=(replace(one(RUNNING, "side", up=True), ready=False),))
    assert condition(waits, "Ready")["status"] == "False"
    assert condition(waits, "Ready")["message"] == "containers with unready status: [side]"
    assert condition(waits, "Initialized")["status"] == "True"


def test_transition_times_change_only_with_the_status() -> None:
    before = {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": THEN}]}
    still = status(a_pod(), one(RUNNING, up=True), before=before)
    assert condition(still, "Ready")["lastTransitionTime"] == THEN
    lost = status(a_pod(), one(RUNNING), before=before)
    assert condition(lost, "Ready")["lastTransitionTime"] == NOW


def test_conditions_of_others_are_kept() -> None:
    foreign = {"type": "example.com/Gate", "status": "True"}
    assert condition(status(a_pod(), one(RUNNING), before={"conditions": [foreign]}), "example.com/Gate") == foreign


def test_the_same_knowledge_gives_the_same_status() -> None:
    first = status(a_pod(), one(RUNNING, up=True))
    again = pod_status(
        a_pod(), PodRecord("127.5.1.1", THEN, (), (one(RUNNING, up=True),)), first, "2027-01-01T00:00:00Z"
    )
    assert again == first


def test_times_are_written_in_utc_and_whole_seconds() -> None:
    moment = datetime(2026, 1, 1, 9, 0, 0, 999, tzinfo=timezone(timedelta(hours=9)))
    assert timestamp(moment) == timestamp(moment.astimezone(UTC)) == "2026-01-01T00:00:00Z"
