"""A pod's status as a pure function of what is known of its containers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fleet.node.objects import child, children
from fleet.node.restarts import is_sidecar
from kube.kinds import Object

HOST_ADDRESS = "127.0.0.1"
KILLED_EXIT_CODE = 137


@dataclass(frozen=True)
class Waiting:
    """Not running, and going to."""

    reason: str
    message: str = ""


@dataclass(frozen=True)
class Running:
    """A process exists."""

    started_at: str
    """RFC 3339, whole seconds, as all times here."""


@dataclass(frozen=True)
class Terminated:
    """The process has ended."""

    exit_code: int
    reason: str
    started_at: str | None
    finished_at: str


State = Waiting | Running | Terminated


@dataclass(frozen=True)
class ContainerRecord:
    """What is known of one container."""

    name: str
    image: str
    state: State
    last: Terminated | None = None
    """How the run before this one ended."""
    restarts: int = 0
    started: bool = False
    """Runs, and the startup probe, if there is one, has passed."""
    ready: bool = False


@dataclass(frozen=True)
class PodRecord:
    """What is known of a pod."""

    address: str
    start_time: str
    init: Sequence[ContainerRecord]
    main: Sequence[ContainerRecord]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as metav1.Time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ended(exit_code: int, started_at: str | None, finished_at: str) -> Terminated:
    """State of a container whose process has returned this exit code."""
    return Terminated(exit_code, "Completed" if exit_code == 0 else "Error", started_at, finished_at)


def is_finished(pod: Object) -> bool:
    """Whether the pod's containers have ended for good."""
    return child(pod, "status").get("phase") in ("Succeeded", "Failed")


def pod_status(pod: Object, record: PodRecord, previous: Object, now: str) -> Object:
    """The status to report.

    Args:
        pod: the pod.
        record: what is known.
        previous: the status last reported; keeps the transition times, and conditions that are not the node's.
        now: transition time of what has changed.
    """
    phase = _phase(pod, record)
    return {
        "phase": phase,
        "observedGeneration": pod["metadata"].get("generation", 0),
        "conditions": _conditions(pod, record, phase, children(previous, "conditions"), now),
        "hostIP": HOST_ADDRESS,
        "hostIPs": [{"ip": HOST_ADDRESS}],
        "podIP": record.address,
        "podIPs": [{"ip": record.address}],
        "startTime": record.start_time,
        "qosClass": child(pod, "status").get("qosClass", "BestEffort"),
        "initContainerStatuses": [_container_status(pod, one) for one in record.init],
        "containerStatuses": [_container_status(pod, one) for one in record.main],
    }


def _phase(pod: Object, record: PodRecord) -> str:
    if is_finished(pod):
        return pod["status"]["phase"]
    policy = pod["spec"].get("restartPolicy", "Always")
    deleted = "deletionTimestamp" in pod["metadata"]
    failed_init = [one for one in _plain_init(pod, record) if isinstance(one.state, Terminated) and one.state.exit_code]
    if failed_init and policy == "Never":
        return "Failed"
    states = [one.state for one in record.main]
    ends = [state for state in states if isinstance(state, Terminated)]
    if len(ends) == len(states) and (policy != "Always" or deleted):
        failed = any(state.exit_code for state in ends)
        return ("Failed" if policy == "Never" or deleted else "Running") if failed else "Succeeded"
    never_ran = [one for one in record.main if isinstance(one.state, Waiting) and one.last is None]
    return "Pending" if never_ran else "Running"


def _plain_init(pod: Object, record: PodRecord) -> list[ContainerRecord]:
    sidecars = {spec["name"] for spec in children(pod["spec"], "initContainers") if is_sidecar(spec)}
    return [one for one in record.init if one.name not in sidecars]


def _conditions(pod: Object, record: PodRecord, phase: str, previous: list[Object], now: str) -> list[Object]:
    plain = {one.name for one in _plain_init(pod, record)}
    incomplete = [one.name for one in record.init if not _initialized(one, plain=one.name in plain)]
    serving = [*record.main, *(one for one in record.init if one.name not in plain)]
    unready = [one.name for one in serving if not one.ready]
    if phase in ("Succeeded", "Failed"):
        reason, message = f"Pod{'Completed' if phase == 'Succeeded' else 'Failed'}", ""
    else:
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    not_ready = None if not unready and phase == "Running" else (reason, message)
    init_message = f"containers with incomplete status: [{' '.join(incomplete)}]"
    wanted = {
        "PodScheduled": None,
        "PodReadyToStartContainers": None,
        "Initialized": ("ContainersNotInitialized", init_message) if incomplete else None,
        "ContainersReady": not_ready,
        "Ready": not_ready,
    }
    kept = [condition for condition in previous if condition["type"] not in wanted]
    before = {condition["type"]: condition for condition in previous}
    return [*kept, *(_condition(kind, problem, before.get(kind), now) for kind, problem in wanted.items())]


def _initialized(container: ContainerRecord, *, plain: bool) -> bool:
    if not plain:
        return container.started
    return isinstance(container.state, Terminated) and container.state.exit_code == 0


def _condition(kind: str, problem: tuple[str, str] | None, before: Object | None, now: str) -> Object:
    status = "False" if problem else "True"
    same = before is not None and before["status"] == status
    since = before.get("lastTransitionTime", now) if before and same else now
    explained = {"reason": problem[0], "message": problem[1]} if problem else {}
    return {"type": kind, "status": status, "lastTransitionTime": since, **explained}


def _container_status(pod: Object, record: ContainerRecord) -> Object:
    identity = f"process://{pod['metadata']['uid']}/{record.name}/{record.restarts}"
    return {
        "name": record.name,
        "image": record.image,
        "imageID": record.image,
        "restartCount": record.restarts,
        "ready": record.ready,
        "started": record.started,
        "state": _state(record.state, identity),
        "lastState": _state(record.last, "") if record.last else {},
        **({} if isinstance(record.state, Waiting) else {"containerID": identity}),
    }


def _state(state: State, identity: str) -> Object:
    match state:
        case Waiting(reason, message):
            return {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        case Running(started_at):
            return {"running": {"startedAt": started_at}}
        case Terminated(exit_code, reason, started_at, finished_at):
            times = {"startedAt": started_at, "finishedAt": finished_at}
            known = {key: value for key, value in times.items() if value}
            return {"terminated": {"exitCode": exit_code, "reason": reason, **known}}
