"""Two federation controllers at once, one of them frozen in the middle of its work: its late writes harm nothing."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from api.context_revision import ContextRevision, ContextRevisionSpec
from api.names import SYSTEM_NAMESPACE
from fleet.state import CONTROL_PLANE
from kube.client import Api
from kube.kinds import DEPLOYMENT, Object, ObjectKey
from tests.support.edits import Ledger, Write, declaration_writer, editing, file_writer
from tests.support.federation import Context, Federation, document, until
from tests.support.figures import Figures
from tests.support.fleet import LocalFleet
from tests.support.proxy import Way, proxied
from tests.support.recovery import check
from tests.support.second_instance import second_instance

DEPLOYED = "mcpfed-federation"
MODULE = "controllers.federation"
CONTAINER = "federation"
FROZEN_SECONDS = 30.0
KEPT = 3
"""Revisions: what the frozen instance writes next is about names that are gone by then."""
MISSED = 6
"""How many commits the frozen instance misses at least."""


class Log:
    """The revisions of a context that were ever created, in that order."""

    def __init__(self, federation: Federation, context: str) -> None:
        self.revisions: list[ContextRevisionSpec] = []
        self._present: dict[ObjectKey, ContextRevisionSpec] = {}
        self._context = context
        federation.revisions.subscribe(self._on_revision)

    @property
    def present(self) -> list[int]:
        """The versions that are still there."""
        return sorted(revision.version for revision in self._present.values())

    @property
    def history(self) -> list[ContextRevisionSpec]:
        """Those that lead to the newest, oldest first."""
        known = {revision.chain_digest: revision for revision in self.revisions}
        chain = [max(self.revisions, key=lambda revision: revision.version)]
        while (parent := chain[-1].parent) in known:
            chain.append(known[parent])
        return chain[::-1]

    @property
    def strays(self) -> list[ContextRevisionSpec]:
        """Those that do not: somebody who had been left behind created them under names that were free again."""
        digests = {revision.chain_digest for revision in self.history}
        return [revision for revision in self.revisions if revision.chain_digest not in digests]

    def explain(self) -> str:
        """Where it stands."""
        return f"{len(self.revisions)} revisions were created, there are {self.present}"

    def _on_revision(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        revision = ContextRevision.parse(new or old or {}).spec
        if revision.context != self._context:
            return
        if new is None:
            self._present.pop(key, None)
        elif old is None:
            self._present[key] = revision
            self.revisions.append(revision)


@pytest.fixture
async def instances(fleet: LocalFleet) -> AsyncGenerator[dict[str, psutil.Process]]:
    """Two instances, by pod; one is left at the end."""
    async with await fleet.api("host") as host:
        await host.patch(DEPLOYMENT, SYSTEM_NAMESPACE, DEPLOYED, {"spec": {"replicas": 2}})
        try:
            async with asyncio.timeout(60):
                while await ready(host) != 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            yield {one.pod: one.process for one in fleet.containers("host", MODULE)}
        finally:
            await host.patch(DEPLOYMENT, SYSTEM_NAMESPACE, DEPLOYED, {"spec": {"replicas": 1}})
            await until(lambda: len([*fleet.containers("host", MODULE)]) == 1, 60)


async def ready(host: Api) -> int:
    found = await host.get(DEPLOYMENT, SYSTEM_NAMESPACE, DEPLOYED)
    return (found or {}).get("status", {}).get("readyReplicas", 0)


async def test_an_instance_frozen_while_it_commits_harms_nothing_when_it_goes_on(
    fleet: LocalFleet, federation: Federation, figures: Figures, instances: dict[str, psutil.Process]
) -> None:
    async with federation.context() as context:
        log, ledger, sites, items = await prepared(federation, context)
        async with editing(ledger, sites, items):
            pod = await committing(fleet, instances, log)
            with frozen(instances[pod]):
                await asyncio.sleep(FROZEN_SECONDS)
                await more_commits(log, MISSED)
            await more_commits(log, MISSED)
        await converged(context, log, ledger, figures)
        assert all(committed(fleet.container_log("host", pod, CONTAINER), context.name) for pod in instances), (
            "one instance did all"
        )


async def test_what_an_instance_asks_for_long_after_its_head_was_pruned_harms_nothing(
    fleet: LocalFleet, federation: Federation, figures: Figures, tmp_path: Path
) -> None:
    plane = urlsplit(fleet.state.clusters[CONTROL_PLANE].server)
    async with (
        federation.context() as context,
        proxied(plane.port or 0) as line,
        second_instance(fleet, line.url, tmp_path) as written,
    ):
        log, ledger, sites, items = await prepared(federation, context)
        async with editing(ledger, sites, items, per_second=3):
            await until(lambda: committed(written.read_text(), context.name), 60, written.read_text)
        await context.settled()
        line.freeze(Way.THERE)  # it hears of what is new, and what it asks for before its commit, or that, is held
        newest = log.revisions[-1].version
        async with editing(ledger, sites, items, per_second=3):
            await until(lambda: log.present[0] > newest + MISSED, 60, log.explain)
            line.heal()
            await until(lambda: log.strays or '"NotStored"' in written.read_text(), 30, written.read_text)
            await more_commits(log, MISSED)
        await converged(context, log, ledger, figures)


async def prepared(federation: Federation, context: Context) -> tuple[Log, Ledger, dict[str, Write], list[str]]:
    """A settled context of which few revisions are kept, and who edits what."""
    items, history = [f"{context.name}/{number}" for number in range(3)], {"revisions": KEPT}
    log = Log(federation, context.name)
    await context.declare([document(item, "first") for item in items], history=history)
    await context.settled()
    sites = {member: file_writer(context, member) for member in federation.fleet.members}
    sites["declared"] = declaration_writer(context, items, history=history)
    return log, Ledger(), sites, items


async def committing(fleet: LocalFleet, pods: Iterable[str], log: Log) -> str:
    """The pod of the instance that has just committed the newest revision."""
    seen, found = len(log.revisions), list[str]()

    def is_found() -> bool:
        newest = log.revisions[-1]
        found[:] = [
            pod
            for pod in pods
            if newest.version in committed(fleet.container_log("host", pod, CONTAINER), newest.context)
        ]
        return len(log.revisions) > seen and bool(found)

    await until(is_found, 15)
    return found[0]


def committed(log: str, context: str) -> set[int]:
    """The versions that an instance says in its log that it has committed."""
    lines = [json.loads(line) for line in log.splitlines()]
    ours = [line for line in lines if line["event"] == "committed" and line["context"].endswith(f"/{context}")]
    return {line["version"] for line in ours}


async def converged(context: Context, log: Log, ledger: Ledger, figures: Figures) -> None:
    """Returns when the context has converged, from now on, on a log without a gap that has every edit."""
    with figures.timing("converged after the last edit"):
        await context.settled(60)
    figures.add("commits", len(log.history), "")
    figures.add("revisions created too late to be commits", len(log.strays), "")
    assert [revision.version for revision in log.history] == list(range(1, len(log.history) + 1))
    check(ledger, log.history)
    await until(lambda: len(log.present) <= KEPT, 30, log.explain)
    assert log.present == [revision.version for revision in log.history[-KEPT:]]


async def more_commits(log: Log, count: int) -> None:
    enough = len(log.revisions) + count
    await until(lambda: len(log.revisions) >= enough, 30)


@contextmanager
def frozen(process: psutil.Process) -> Generator[None]:
    """Stops a process, at whatever it is, and lets it go on afterwards as if nothing had been."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
