"""Makes Karmada know our kinds at once, and leave alone those that it must not propagate.

Karmada's controller manager looks for new kinds every 30 s, and heeds `--skipped-propagating-apis` only for kinds that
were there when it started: of a kind that comes later it follows every object. So it is started again when ours came.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from fleet.layout import Layout
from fleet.lock import locked
from fleet.processes.health import condition
from fleet.processes.supervisor import Supervisor
from fleet.progress import Progress
from fleet.state import CONTROL_PLANE
from kube import kinds
from kube.client import Api
from kube.kinds import Object, ObjectKey
from kube.reflector import Reflector

CONTROLLER_MANAGER = "karmada-controller-manager"

_OURS = (kinds.FEDERATED_CONTEXT, kinds.MCP_CONTEXT, kinds.CONTEXT_REVISION, kinds.CONTEXT_REPLICA)
_DEFINITIONS = tuple(ObjectKey("", f"{kind.plural}.{kind.group}") for kind in _OURS)
_LOCK_SECONDS = 60.0


async def make_kinds_known(layout: Layout, progress: Progress) -> None:
    """Wait, for as long as it takes, until our kinds are defined, and have Karmada started after that.

    Cancel it when nobody will define them any more. Nothing is done if Karmada was started later than they came.
    """
    defined = await _until_defined(layout)
    with locked(layout.lock_file, progress.say, _LOCK_SECONDS):
        supervisor = Supervisor(layout, progress.say)
        # Kubernetes cuts times to seconds: a process of the same second may have come first.
        if supervisor.records[CONTROLLER_MANAGER].started < defined + 1:
            await supervisor.restart(CONTROLLER_MANAGER)


async def _until_defined(layout: Layout) -> float:
    """Wait until all our kinds are served; when the last of them came, in seconds since the epoch."""
    changed = asyncio.Event()
    async with await Api.from_kubeconfig(layout.kubeconfig(CONTROL_PLANE)) as api:
        definitions = Reflector(api, kinds.CRD)
        definitions.subscribe(lambda key, old, new: changed.set())
        following = asyncio.create_task(definitions.run())
        try:
            while (since := established_since(definitions.cache)) is None:
                await changed.wait()
                changed.clear()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    return since


def established_since(definitions: Mapping[ObjectKey, Object]) -> float | None:
    """When the last of our kinds was first served, in seconds since the epoch; None while one is missing."""
    times = [_established(definitions.get(key)) for key in _DEFINITIONS]
    known = [time for time in times if time is not None]
    return max(known) if len(known) == len(times) else None


def _established(definition: Object | None) -> float | None:
    found = condition(definition, "Established")
    if found is None or found["status"] != "True":
        return None
    return datetime.fromisoformat(found["lastTransitionTime"]).timestamp()
