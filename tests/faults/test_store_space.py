"""The control plane's etcd runs full under edits: they wait where they were made, and go on once there is room."""

from __future__ import annotations

import asyncio
import time

from tests.support.edits import Ledger, editing, file_writer
from tests.support.federation import Federation, document, until
from tests.support.figures import Figures
from tests.support.fleet import LocalFleet
from tests.support.recovery import recovered
from tests.support.store import Store

ROOM_BYTES = 1_000_000
"""What is left of the quota: some twenty revisions with all that is written because of them."""
EDITS = 40
"""Made while the store is full."""


async def test_a_full_store_loses_no_edit_and_all_goes_on_once_there_is_room(
    fleet: LocalFleet, federation: Federation, figures: Figures
) -> None:
    store, ledger = Store(fleet), Ledger()
    async with federation.context() as context:
        items = [f"{context.name}/{number}" for number in range(3)]
        await context.declare([document(item, "first") for item in items])
        await context.settled()
        await store.make_room()  # the file has free pages, which do not count
        async with store.limited(await store.size() + ROOM_BYTES):
            sites = {member: file_writer(context, member) for member in fleet.members}
            async with editing(ledger, sites, items):
                await _runs_full(store)
                full = len(ledger.edits)
                await until(lambda: len(ledger.edits) >= full + EDITS, 30)
            assert not context.is_applied or not all(map(context.is_held, fleet.members))
            assert _complaints(fleet, context.name), "the log does not say why nothing is committed"
            await store.make_room()
            await recovered(context, ledger, figures, time.monotonic())
        assert await store.alarms() == ""


def _complaints(fleet: LocalFleet, context: str) -> list[str]:
    """What the federation controller says, as an error, of a context and a store without space."""
    logs = fleet.layout.node("host").glob("pods/*/federation.log")
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
    return [line for line in lines if context in line and "space exceeded" in line and '"level": "error"' in line]


async def _runs_full(store: Store) -> None:
    async with asyncio.timeout(60):
        while "NOSPACE" not in await store.alarms():  # noqa: ASYNC110
            await asyncio.sleep(0.5)
