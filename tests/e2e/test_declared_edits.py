"""An edit of the declaration on the control plane reaches every member, its clients, and the status."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from api.federated_context import Phase
from api.item import ContextType
from kube.kinds import FEDERATED_CONTEXT
from tests.support.federation import Context, Federation, tool, until
from tests.support.fleet import SERVER, LocalFleet
from tests.support.mcp_clients import ERAS, Watcher, watching


async def edit(federation: Federation, context: Context, answer: str) -> None:
    """What `kubectl edit` sends."""
    patch = {"spec": {"contextPayload": {"items": [tool(f"{context.name}-hello", answer)]}}}
    await federation.control_plane.patch(FEDERATED_CONTEXT, SERVER, context.name, patch, field_manager="kubectl-edit")


async def test_all_members_serve_it_and_connected_clients_are_told(fleet: LocalFleet, federation: Federation) -> None:
    async with federation.context(ContextType.TOOLS) as context, AsyncExitStack() as stack:
        name = f"{context.name}-hello"
        await context.declare([tool(name, "Hello")])
        await context.settled()
        watchers: list[Watcher] = []
        for url in [fleet.endpoint(member) for member in fleet.members]:
            watchers += [await stack.enter_async_context(watching(url, era)) for era in ERAS]

        await edit(federation, context, "Hello again")
        for watcher in watchers:
            await until(lambda changed=watcher.changed: "tools" in changed, 15, context.explain)
            listed = {each.name: each for each in (await watcher.client.list_tools()).tools}
            assert listed[name].description == "Hello again"
        await context.settled()


async def test_the_status_tells_version_time_and_digest_and_waits_for_the_slowest(
    fleet: LocalFleet, federation: Federation
) -> None:
    async with federation.context(ContextType.TOOLS) as context:
        await context.declare([tool(f"{context.name}-hello", "Hello")])
        await context.settled()
        before = context.status
        assert (before.phase, before.applied) == (Phase.APPLIED, "2/2")
        assert (before.last_writer or "").partition("#")[0] == "declared"

        slow = fleet.container(fleet.members[1], "controllers.agent")
        assert slow is not None
        slow.send_signal(signal.SIGSTOP)
        try:
            await edit(federation, context, "Hello again")
            await until(lambda: context.status.version > before.version, 15, context.explain)
            await until(lambda: context.status.applied == "1/2", 15, context.explain)
            assert context.status.phase is Phase.PENDING
        finally:
            slow.send_signal(signal.SIGCONT)
        await context.settled()
        status, head = context.status, context.head
        assert head is not None
        assert (status.phase, status.applied, status.version) == (Phase.APPLIED, "2/2", before.version + 1)
        assert (status.digest, status.timestamp) == (head.digest, head.timestamp)
        assert before.timestamp is not None
        assert status.timestamp is not None
        assert before.timestamp < status.timestamp <= datetime.now(UTC).isoformat()
        assert status.digest != before.digest
        assert status.observed_generation == (await context.stored()).metadata.generation
