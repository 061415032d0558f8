"""When a container that has ended may start again: the kubelet's rules as pure functions."""

from kube.kinds import Object

INITIAL_SECONDS = 10.0
MAX_SECONDS = 300.0
RESET_AFTER_SECONDS = 600.0
"""A container that ran as long as this starts over with an immediate restart."""


def is_sidecar(container: Object) -> bool:
    """Whether an init container runs beside the main ones: it starts before them, and ends after them."""
    return container.get("restartPolicy") == "Always"


def restart_policy(pod: Object, container: Object, *, init: bool) -> str:
    """`Always`, `OnFailure` or `Never`, as it holds for this container.

    An init container that succeeded does not run again, whatever the pod's policy is.
    """
    if is_sidecar(container):
        return "Always"
    policy: str = pod["spec"].get("restartPolicy", "Always")
    return "OnFailure" if init and policy == "Always" else policy


def may_restart(policy: str, exit_code: int) -> bool:
    """Whether a container that ended with this exit code runs again."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def next_delay(previous: float | None, ran_for: float) -> float:
    """Seconds to wait before the next start: at once the first time, then 10 s, doubled up to 5 min.

    Args:
        previous: the wait before the run that has just ended, None if it was the first run.
        ran_for: how long that run lasted, seconds.
    """
    if previous is None or ran_for >= RESET_AFTER_SECONDS:
        return 0.0
    return min(max(previous * 2, INITIAL_SECONDS), MAX_SECONDS)
