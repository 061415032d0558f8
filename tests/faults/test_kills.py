"""A hundred processes, picked at random, are killed under load: all resumes by itself, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from random import Random

import psutil
import pytest

from kube.client import Api
from kube.errors import ApiError, Unreachable
from kube.kinds import CLUSTER, NAMESPACE, Kind
from tests.support.edits import Ledger, declaration_writer, editing, file_writer
from tests.support.federation import Federation, document, until
from tests.support.figures import Figures
from tests.support.fleet import LocalFleet
from tests.support.recovery import recovered

SEED = int(os.environ.get("MCPFED_KILLS_SEED", "1"))
KILLS = 100
PAUSE_SECONDS = (0.1, 1.9)
"""Between two kills, at random: shorter than most victims take to come back."""
STORES = re.compile(r".*etcd|.*-apiserver")
PROCESSES = re.compile(rf"{STORES.pattern}|.*-controller-manager|karmada-.*")
"""Those of the fleet itself that are killed: all that hold state or act on it."""
MOST_OF_A_STORE = 5
"""How often the same one is killed: they are slow to start, and without them there is no load."""
MOST_OF_A_CONTAINER = 3
"""How often the same one is killed: it waits 0, 10, 20, 40, … s for its next start, as on any node."""


@pytest.mark.timeout(600, func_only=True)
async def test_a_hundred_kills_at_random_lose_nothing(
    fleet: LocalFleet, federation: Federation, figures: Figures
) -> None:
    async with federation.context() as context:
        items = [f"{context.name}/{number}" for number in range(3)]
        await context.declare([document(item, "first") for item in items])
        await context.settled()
        known, ledger = set(running(fleet)), Ledger()
        sites = {member: file_writer(context, member) for member in fleet.members}
        sites["declared"] = declaration_writer(context, items)
        began = time.monotonic()
        async with editing(ledger, sites, items, per_second=3):
            killed = await kill(fleet, Random(SEED))
            ended = time.monotonic()
            await until(lambda: known <= running(fleet).keys(), 90, lambda: known - running(fleet).keys())
            await answering(federation)
            commits = len(context.history)
        healed = time.monotonic()
        figures.add("kills", killed.total(), "")
        figures.add("seed (MCPFED_KILLS_SEED)", SEED, "")
        figures.add("time for the kills", ended - began)
        figures.add("commits meanwhile", commits, "")
        figures.add("from the last kill until all processes ran again", healed - ended)
        await recovered(context, ledger, figures, healed)
        assert killed.keys() == known


async def kill(fleet: LocalFleet, random: Random) -> Counter[str]:
    """Kills whatever runs, at random, everything at least once; nothing waits for anybody's recovery."""
    killed: Counter[str] = Counter()
    async with asyncio.timeout(240):
        while killed.total() < KILLS:
            alive = {name: one for name, one in running(fleet).items() if killed[name] < most(name)}
            if names := sorted(name for name in alive if not killed[name]) or sorted(alive):
                name = random.choice(names)
                alive[name].kill()
                killed[name] += 1
            await asyncio.sleep(random.uniform(*PAUSE_SECONDS))
    return killed


def most(name: str) -> int:
    """How often this one may be killed."""
    if not PROCESSES.fullmatch(name):
        return MOST_OF_A_CONTAINER
    return MOST_OF_A_STORE if STORES.fullmatch(name) else KILLS


def running(fleet: LocalFleet) -> dict[str, psutil.Process]:
    """Everything that may be killed and runs now."""
    names = [name for name in fleet.state.processes if PROCESSES.fullmatch(name)]
    found = {name: process for name in names if (process := fleet.process(name))}
    return found | {f"{one.module} in {one.cluster}": one.process for one in fleet.containers()}


async def answering(federation: Federation) -> None:
    """Returns when all API servers that the federation needs answer again, Karmada's own included."""
    needed = [(api, NAMESPACE) for api in (federation.control_plane, *federation.members.values())]
    async with asyncio.timeout(60):
        for api, kind in (*needed, (federation.control_plane, CLUSTER)):
            while not await answers(api, kind):  # noqa: ASYNC110  an API server has no event to set
                await asyncio.sleep(0.05)


async def answers(api: Api, kind: Kind) -> bool:
    try:
        return bool(await api.list(kind))
    except (ApiError, Unreachable):
        return False
