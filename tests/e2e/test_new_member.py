"""A member that joins gets controllers, server and contexts by itself."""

from __future__ import annotations

import pytest
from mcp.client import Client

from api.federated_context import Phase
from api.item import ContextType
from tests.support.federation import Context, Federation, document
from tests.support.fleet import SERVER, LocalFleet

JOIN_SECONDS = 240.0


@pytest.mark.timeout(420, func_only=True)
async def test_a_member_that_joins_serves_every_context(fleet: LocalFleet) -> None:
    async with Federation.of(fleet) as before, before.context() as context:
        await context.declare([document(f"{context.name}/a", "text")])
        await context.settled()
        count = len(fleet.members) + 1
        fleet.command("up", f"--members={count}", seconds=JOIN_SECONDS)
        joined = fleet.members[-1]
        assert len(fleet.members) == count

        await context.settled(60)
        assert context.status.applied == f"{count}/{count}"
        async with Federation.of(fleet) as federation:
            for kind in ContextType:
                reference = Context(federation, f"{SERVER}-{kind}", kind)
                await reference.settled()
                assert (reference.status.phase, reference.status.applied) == (Phase.APPLIED, f"{count}/{count}")
            assert await federation.served(joined, context.name) == context.digest
        async with Client(fleet.endpoint(joined)) as client:
            assert len((await client.list_tools()).tools) == 52

        context.write(joined, f"resources/{context.name}/b", "by the new one")
        await context.settled()
        assert context.texts[f"{context.name}/b"] == "by the new one"
        assert (context.status.last_writer or "").startswith(f"{joined}/")
