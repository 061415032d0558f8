"""A node that has run out of inotify instances, for one process only: the kernel counts them per user namespace."""

from __future__ import annotations

_NONE_LEFT = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'


def without_inotify(*command: str) -> tuple[str, ...]:
    """A command that runs another one where it can make no inotify instance."""
    return ("unshare", "--user", "--map-root-user", "sh", "-c", _NONE_LEFT, "sh", *command)
