"""Edits at the same moment at several sites: all converge, nothing is lost, and then it is quiet."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.edits import Ledger, declaration_writer, editing, file_writer
from tests.support.federation import Context, Federation, document, until
from tests.support.fleet import LocalFleet

SECONDS = float(os.environ.get("MCPFED_E2E_EDIT_SECONDS", "15"))
"""How long edits go on at ten a second and site."""
LULL_SECONDS = 6.0
"""More than Karmada's longest pause before it writes a status again that had collided."""
QUIET_SECONDS = 30.0
ROUNDS = 50
SAME_MOMENT_SECONDS = 0.010

WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})
GROUPS = frozenset({"mcpfed.io", "work.karmada.io", "policy.karmada.io"})
"""Whose objects nobody may write when nothing changes. Heartbeats are in other groups."""


async def writes(fleet: LocalFleet) -> dict[tuple[str, ...], float]:
    """Number of writes to our and Karmada's objects so far, by cluster, resource and verb."""
    clusters = list(fleet.state.clusters)
    texts = await asyncio.gather(*(fleet.kubectl(cluster, "get", "--raw", "/metrics") for cluster in clusters))
    counts: dict[tuple[str, ...], float] = {}
    for cluster, text in zip(clusters, texts, strict=True):
        lines = "\n".join(line for line in text.splitlines() if line.startswith("apiserver_request_total{"))
        for family in text_string_to_metric_families(lines + "\n"):
            for sample in family.samples:
                of = sample.labels
                if of.get("group") in GROUPS and of.get("verb") in WRITES:
                    key = (cluster, of["group"], of["resource"], of["subresource"], of["verb"], of["code"])
                    counts[key] = counts.get(key, 0.0) + sample.value
    return counts


async def lull(fleet: LocalFleet) -> dict[tuple[str, ...], float]:
    """The number of writes, once there were none for a while."""
    async with asyncio.timeout(60):
        counts = await writes(fleet)
        while True:
            await asyncio.sleep(LULL_SECONDS)
            before, counts = counts, await writes(fleet)
            if counts == before:
                return counts


async def test_members_that_change_an_item_in_the_same_moment_converge_and_the_loser_is_kept(
    fleet: LocalFleet, federation: Federation
) -> None:
    async with federation.context() as context:
        item = f"{context.name}/contended"
        await context.declare([document(item, "first")])
        await context.settled()
        files = {member: context.path(member, f"resources/{item}") for member in fleet.members[:2]}
        counted = 0
        for number in range(2 * ROUNDS):
            values = {member: f"{member} {number}" for member in files}
            order = sorted(files, reverse=bool(number % 2))
            counted += replaced_in_same_moment([(files[member], values[member]) for member in order])
            await until(partial(is_decided, context, item, set(values.values())), 15, context.explain)
            await until(lambda: all(context.is_held(member) for member in files), 15, context.explain)
            if counted == ROUNDS:
                break
        assert counted == ROUNDS
        await context.settled()


def is_decided(context: Context, item: str, values: set[str]) -> bool:
    """Whether one of the values is the item's, and all others are recorded as losers."""
    conflicts = [record for revision in context.history for record in revision.conflicts]
    lost = {record.lost.content.text for record in conflicts if record.lost.content}
    return values - lost == {context.texts[item]} and len(values & lost) == len(values) - 1


def replaced_in_same_moment(files: list[tuple[Path, str]]) -> bool:
    """Puts files in their places one right after the other; whether that took no longer than the moment."""
    staged = [path.with_name(f".{path.name}.tmp") for path, _ in files]
    for place, (_, text) in zip(staged, files, strict=True):
        place.write_text(text)
    began = time.monotonic()
    for place, (path, _) in zip(staged, files, strict=True):
        os.replace(place, path)  # noqa: PTH105  the word for what it does
    return time.monotonic() - began < SAME_MOMENT_SECONDS


async def test_steady_edits_everywhere_lose_nothing_and_then_nobody_writes(
    fleet: LocalFleet, federation: Federation
) -> None:
    async with federation.context() as context:
        items = [f"{context.name}/{number}" for number in range(5)]
        await context.declare([document(item, "first") for item in items])
        await context.settled()
        ledger = Ledger()
        sites = {member: file_writer(context, member) for member in fleet.members}
        sites["declared"] = declaration_writer(context, items)
        async with editing(ledger, sites, items, per_second=10):
            await asyncio.sleep(SECONDS)
        await context.settled(60)
        assert len(ledger.edits) > 0.5 * 10 * SECONDS * len(sites), "this machine is too slow for the rate"
        assert ledger.lost(context.history) == []

        before = await lull(fleet)
        assert sum(before.values()) > len(context.history)
        await asyncio.sleep(QUIET_SECONDS)
        after = await writes(fleet)
        assert {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key)} == {}
