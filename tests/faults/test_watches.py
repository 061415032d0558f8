"""Watches are cut and expire over and over: caches are read anew, and nothing is missed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from api.names import SYSTEM_NAMESPACE
from fleet.state import CONTROL_PLANE, HOST
from kube.kinds import POD
from tests.support.edits import Ledger, declaration_writer, editing, file_writer
from tests.support.federation import Federation, document, until
from tests.support.figures import Figures
from tests.support.fleet import LocalFleet
from tests.support.proxy import Proxy, proxied
from tests.support.recovery import recovered
from tests.support.second_instance import second_instance
from tests.support.store import Store

ROUNDS = 2
COMPACT_SECONDS = 2.0
CUT_SECONDS = 0.7
TELEMETRY_PORT = 8080


async def test_watches_that_are_cut_and_expire_over_and_over_miss_nothing(
    fleet: LocalFleet, federation: Federation, figures: Figures, tmp_path: Path
) -> None:
    store = Store(fleet)
    plane = urlsplit(fleet.state.clusters[CONTROL_PLANE].server)
    async with (
        federation.context() as context,
        proxied(plane.port or 0) as line,
        second_instance(fleet, line.url, tmp_path) as log,
    ):
        items = [f"{context.name}/{number}" for number in range(3)]
        await context.declare([document(item, "first") for item in items])
        await context.settled()
        await until(lambda: line.connections > 5, 60, log.read_text)
        before = await ends_and_lists(fleet)
        ledger = Ledger()
        sites = {member: file_writer(context, member) for member in fleet.members}
        sites["declared"] = declaration_writer(context, items)
        async with editing(ledger, sites, items, per_second=5), asyncio.TaskGroup() as storm:
            cutting = storm.create_task(keep_cutting(line))
            compacting = storm.create_task(keep_compacting(store))
            for _ in range(ROUNDS):
                await asyncio.sleep(2 * COMPACT_SECONDS)
                await store.come_back_compacted()
            cutting.cancel()
            compacting.cancel()
        healed = time.monotonic()
        await recovered(context, ledger, figures, healed)
        counted = await ends_and_lists(fleet) - before
        figures.add("watches that expired", counted["Gone"], "")
        figures.add("collections read anew", counted["lists"], "")
        figures.add("cuts of the second instance's watches", log.read_text().count("watch broken"), "")
        assert counted["Gone"] >= ROUNDS
        assert counted["lists"] >= counted["Gone"]


async def keep_compacting(store: Store) -> None:
    while True:
        await asyncio.sleep(COMPACT_SECONDS)
        if await store.answers():
            with suppress(AssertionError):  # it may die any time
                await store.compact()


async def keep_cutting(line: Proxy) -> None:
    while True:
        await asyncio.sleep(CUT_SECONDS)
        line.drop()


async def ends_and_lists(fleet: LocalFleet) -> Counter[str]:
    """How often the deployed federation controller's watches ended, by why, and how often it read whole collections."""
    async with await fleet.api(HOST) as host:
        (pod,) = await host.list(POD, SYSTEM_NAMESPACE)
    url = f"http://{pod['status']['podIP']}:{TELEMETRY_PORT}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    counts: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "mcp_sync_watch_restarts_total":
                counts[sample.labels["reason"]] += int(sample.value)
            elif sample.name == "mcp_sync_list_total":
                counts["lists"] += int(sample.value)
    return counts
