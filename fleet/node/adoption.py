"""What a node that has just started makes of a pod that ran under it before: its containers died with the old node."""

from fleet.node.objects import child, children
from fleet.node.restarts import may_restart, restart_policy
from fleet.node.status import KILLED_EXIT_CODE, ContainerRecord, Terminated, Waiting
from kube.kinds import Object

_LOST = "ContainerStatusUnknown"


def initial_record(pod: Object, container: Object, *, init: bool, now: str) -> ContainerRecord:
    """First record of a container: continued from the pod's reported status where there is one.

    A container that was running counts as killed. One that may run again waits; one that may not stays terminated, an
    init container that succeeded among them: what it has written is still there.
    """
    reported = _reported(pod, container["name"])
    last, restarts = _last_end(reported, now), reported.get("restartCount", 0)
    if last and not may_restart(restart_policy(pod, container, init=init), last.exit_code):
        return ContainerRecord(container["name"], container["image"], last, restarts=restarts)
    blocked = bool(pod["spec"].get("initContainers")) and not init
    waiting = Waiting("PodInitializing" if blocked else "ContainerCreating")
    return ContainerRecord(container["name"], container["image"], waiting, last=last, restarts=restarts)


def _reported(pod: Object, name: str) -> Object:
    status = child(pod, "status")
    statuses = [*children(status, "initContainerStatuses"), *children(status, "containerStatuses")]
    return {one["name"]: one for one in statuses}.get(name, {})


def _last_end(reported: Object, now: str) -> Terminated | None:
    state = child(reported, "state")
    if running := state.get("running"):
        return Terminated(KILLED_EXIT_CODE, _LOST, running.get("startedAt"), now)
    ended: Object | None = state.get("terminated") or child(reported, "lastState").get("terminated")
    if ended is None:
        return None
    return Terminated(ended["exitCode"], ended.get("reason", ""), ended.get("startedAt"), ended.get("finishedAt", now))
