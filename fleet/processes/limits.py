"""A limit of the kernel that a fleet can run into: how many inotify instances a user may have.

Kubernetes' programs watch their certificate files with several each. One that gets none either ends ("too many open
files") or never notices that its files have changed.
"""

import os
from pathlib import Path

INSTANCES_PER_CLUSTER = 10
"""Six of its API server, two of its controller manager, two of the pod of an MCP server."""

INSTANCES_OF_KARMADA = 10
"""What the control plane uses beyond that."""

_LIMIT_FILE = Path("/proc/sys/fs/inotify/max_user_instances")


def inotify_shortage(new_clusters: int) -> str | None:
    """A warning for people before so many clusters are started; None if there are instances enough."""
    if new_clusters == 0:
        return None
    return shortage(int(_LIMIT_FILE.read_text()), _instances_in_use(), new_clusters)


def shortage(limit: int, used: int, new_clusters: int) -> str | None:
    """As `inotify_shortage`, for a given limit and use."""
    needed = new_clusters * INSTANCES_PER_CLUSTER + INSTANCES_OF_KARMADA
    if used + needed <= limit:
        return None
    return (
        f"{used} of your {limit} inotify instances are in use and the fleet needs about {needed}: processes may fail "
        f"with 'too many open files'. Raise the limit: sysctl fs.inotify.max_user_instances={max(1024, 4 * limit)}"
    )


def _instances_in_use() -> int:
    """The inotify instances of all processes of this user that can be looked into."""
    return sum(_is_inotify(link) for link in Path("/proc").glob("[0-9]*/fd/*"))


def _is_inotify(link: Path) -> bool:
    try:
        # Descriptors are inherited by children; those of other users do not count against our limit.
        return link.readlink() == Path("anon_inode:inotify") and link.lstat().st_uid == os.getuid()
    except OSError:
        return False
