"""Watching files: reports what changes below a directory, also while the node has no inotify instance left."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Never, TypeAlias

import structlog
from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType]

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0
_LOOKS = 30
"""While files cannot be watched they are looked at this often, and so many times before watching is tried again."""

_AGAIN_SECONDS = 0.1
"""Pause before a watch that has ended is begun anew: whoever writes such names all the time costs no more."""

FileChanges: TypeAlias = set[tuple[Change, str]]


async def watch_files(
    root: Path,
    report: Callable[[FileChanges | None], None],
    *,
    settle_millis: int,
    group_millis: int,
    concerns: Callable[[Change, str], bool] | None = None,
) -> Never:
    """Reports every change until cancelled; None stands for any: when a watch begins, and while there can be none.

    Args:
        root: what is watched, with all directories below.
        report: what is called; it must not wait.
        settle_millis: a group of changes is reported when nothing has changed for this long.
        group_millis: longest time for which a steady stream of changes is collected.
        concerns: which changes are reported; all by default.
    """
    while True:
        # It runs once this task waits: the watch has begun then, and what changed before is seen by looking.
        asyncio.get_running_loop().call_soon(report, None)
        try:
            async for changes in awatch(root, watch_filter=concerns, step=settle_millis, debounce=group_millis):
                report(changes)
        except ExceptionGroup as error:
            # A watch ends at a name that is not UTF-8. What is missed meanwhile is seen by looking.
            _log.warning("watch ended, begun anew", directory=str(root), error=str(error.exceptions[0]))
            await asyncio.sleep(_AGAIN_SECONDS)
            continue
        except (OSError, RuntimeError) as error:  # the latter is how watchfiles says that no instance is left
            limit = "max_user_watches" if "watch limit" in str(error) else "max_user_instances"
            advice = f"looking every second meanwhile; raise fs.inotify.{limit} of the node (sysctl)"
            _log.error("files cannot be watched", directory=str(root), error=str(error), advice=advice)
        for _ in range(_LOOKS):
            await asyncio.sleep(_LOOK_SECONDS)
            report(None)
