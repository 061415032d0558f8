"""The agent from its start to the end of its pod or its context."""

import asyncio
import signal

import aiohttp

from api.names import pod_replica_name
from core.site.bookkeeping import APPLIED, BOOKKEEPING, RESERVED
from kube.kinds import CONTEXT_REPLICA, MCP_CONTEXT
from tests.support.agent_world import (
    CONTEXT,
    DEADLINE,
    POD,
    Member,
    eventually,
    release,
    replica_is,
    resource,
)
from tests.support.apiserver import free_ports


async def test_a_replica_that_is_changed_or_lost_is_written_again(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n"})
    await member.start()
    state = await member.applied()
    name = pod_replica_name(CONTEXT, POD)

    await member.api.patch(CONTEXT_REPLICA, member.namespace, name, {"spec": {"context": "else"}}, field_manager="x")
    await eventually(lambda: replica_is(member, lambda found: found["spec"]["context"] == CONTEXT))

    before = await member.replica()
    await member.api.delete(CONTEXT_REPLICA, member.namespace, name)
    await release(member, name)
    assert before is not None
    await eventually(lambda: replica_is(member, lambda found: found["metadata"]["uid"] != before["metadata"]["uid"]))
    assert await member.state() == state


async def test_a_withdrawn_context_is_set_aside_and_its_replica_goes(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n"})
    await member.start()
    await member.applied()
    await member.api.delete(MCP_CONTEXT, member.namespace, CONTEXT)

    await eventually(lambda: replica_is(member, lambda found: "deletionTimestamp" in found["metadata"]))
    aside = member.volume / RESERVED / "withdrawn" / f"{CONTEXT}-1/resources/a.txt"
    assert aside.read_text() == "alpha\n"
    assert not (member.volume / CONTEXT).exists()
    assert not (member.volume / BOOKKEEPING / CONTEXT / APPLIED).exists()

    await member.serve({"a.txt": "alpha\n"})
    await member.texts_when({"a.txt": "alpha\n"})
    replica = await member.replica()
    assert replica is not None
    assert "deletionTimestamp" in replica["metadata"], "the earlier site's changes are not yet handed over"
    await release(member, pod_replica_name(CONTEXT, POD))
    await eventually(lambda: replica_is(member, lambda found: "deletionTimestamp" not in found["metadata"]))


async def test_an_edit_just_before_the_end_of_the_pod_is_published(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n"})
    await member.start()
    await member.applied()

    (member.directory / "a.txt").write_text("last\n")
    assert await member.end(signal.SIGTERM) == 0

    state = await member.state()
    assert state is not None
    assert [change.content for change in state.changes] == [resource("a.txt", "last\n")]


async def test_it_is_ready_once_every_context_has_been_looked_at(member: Member) -> None:
    port = free_ports(1)[0]
    member.environment["MCPFED_HEALTH_PORT"] = str(port)
    await member.serve({"a.txt": "alpha\n"})
    await member.start()

    async def is_ready() -> bool:
        try:
            async with aiohttp.request("GET", f"http://127.0.0.1:{port}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    await eventually(is_ready)
    assert member.texts() == {"a.txt": "alpha\n"}


async def test_a_context_created_anew_is_another_one(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n"})
    await member.serve({"a.txt": "alpha 2\n"})
    await member.start()
    first = await member.applied()

    await member.api.delete(MCP_CONTEXT, member.namespace, CONTEXT)
    member.version = 0
    await member.serve({"a.txt": "anew\n"})

    await member.texts_when({"a.txt": "anew\n"})
    await release(member, pod_replica_name(CONTEXT, POD))
    state = await member.state_when(lambda state: state.site != first.site)
    assert (state.applied_version, state.problems) == (1, [])


async def test_settings_that_are_missing_are_named(member: Member) -> None:
    del member.environment["POD_NAME"]
    await member.start()
    assert member.process is not None
    assert await asyncio.wait_for(member.process.wait(), DEADLINE) == 1
    assert "POD_NAME" in member.log.read_text()
