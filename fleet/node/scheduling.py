"""Which pods the node takes. Pure."""

from collections.abc import Mapping

from fleet.node.objects import child, children
from fleet.node.status import is_finished
from kube.kinds import Object


def is_pending(pod: Object) -> bool:
    """Whether the pod waits for a node."""
    spec, metadata = pod["spec"], pod["metadata"]
    placed = spec.get("nodeName") or spec.get("schedulingGates") or "deletionTimestamp" in metadata
    return not placed and not is_finished(pod)


def obstacle(pod: Object, node_labels: Mapping[str, str], free: int) -> str | None:
    """Why the node does not take the pod, None if it does.

    Args:
        pod: a pending pod.
        node_labels: labels of the only node there is.
        free: how many more pods it can run.
    """
    wanted = child(pod["spec"], "nodeSelector")
    if any(node_labels.get(key) != value for key, value in wanted.items()):
        return "0/1 nodes are available: 1 node(s) didn't match Pod's node selector."
    return None if free > 0 else "0/1 nodes are available: 1 Too many pods."


def unschedulable(pod: Object, message: str, now: str) -> Object | None:
    """Status patch that says why the pod stays pending, None if it says so already."""
    conditions = children(child(pod, "status"), "conditions")
    before = {one["type"]: one for one in conditions}.get("PodScheduled", {})
    if before.get("message") == message:
        return None
    others = [one for one in conditions if one["type"] != "PodScheduled"]
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"status": {"conditions": [*others, {**condition, "lastTransitionTime": now}]}}
