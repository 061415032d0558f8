"""Follows the probes of a running container for as long as it runs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import aiohttp

from fleet.node.checks import check
from fleet.node.plan import Probes
from fleet.node.probes import Probe, Tally, record, verdict
from fleet.node.process import Process


async def follow_health(
    probes: Probes,
    process: Process,
    http: aiohttp.ClientSession,
    report: Callable[[bool, bool], None],
    fail: Callable[[str], Awaitable[None]],
) -> None:
    """Follow a container's probes until cancelled, or until one demands its end.

    Args:
        probes: which there are.
        process: the container's process.
        http: session for HTTP probes.
        report: called with whether the container is (started, ready), whenever that may have changed.
        fail: ends the process; gets the name of the probe that demands it.
    """
    report(False, False)
    if probes.startup and not await _first_verdict(probes.startup, process, http):
        await fail("startup")
        return
    report(True, probes.readiness is None)
    async with asyncio.TaskGroup() as following:
        if probes.readiness:
            following.create_task(_follow_readiness(probes.readiness, process, http, report))
        if probes.liveness:
            following.create_task(_follow_liveness(probes.liveness, process, http, fail))


async def verdicts(probe: Probe, process: Process, http: aiohttp.ClientSession) -> AsyncGenerator[bool]:
    """What the probe says, each time that its thresholds let it say something."""
    await asyncio.sleep(probe.initial_delay)
    tally: Tally | None = None
    while True:
        tally = record(tally, succeeded=await check(probe.action, probe.timeout, process, http))
        passed = verdict(probe, tally)
        if passed is not None:
            yield passed
        await asyncio.sleep(probe.period)


async def _first_verdict(probe: Probe, process: Process, http: aiohttp.ClientSession) -> bool:
    async with aclosing(verdicts(probe, process, http)) as all_verdicts:
        return await anext(all_verdicts)


async def _follow_readiness(
    probe: Probe, process: Process, http: aiohttp.ClientSession, report: Callable[[bool, bool], None]
) -> None:
    async with aclosing(verdicts(probe, process, http)) as all_verdicts:
        async for passed in all_verdicts:
            report(True, passed)


async def _follow_liveness(
    probe: Probe, process: Process, http: aiohttp.ClientSession, fail: Callable[[str], Awaitable[None]]
) -> None:
    async with aclosing(verdicts(probe, process, http)) as all_verdicts:
        async for passed in all_verdicts:
            if not passed:
                await fail("liveness")
                return
