"""The agent as a process, against a real API server and a real directory."""

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from yarl import URL

from api.context_replica import Change, ContextReplicaSpec, SiteState
from api.dot import Dot
from api.item import ContextType, Item, ItemContent
from api.mcp_context import MCPContextSpec, ServedItem, ServedPayload, Tombstone
from api.names import pod_replica_name
from controllers.runtime.client import Api
from controllers.runtime.kinds import CONTEXT_REPLICA, CRD, MCP_CONTEXT
from core import canonical, clock
from core.confirmation import CONFIRM_ANNOTATION, confirmation
from core.directory import APPLIED, BOOKKEEPING, RESERVED
from tests.support.apiserver import ApiServer, free_ports
from tests.support.inotify import without_inotify
from tests.support.proxy import proxied

ROOT = Path(__file__).parents[2]
DEADLINE = 20.0
CONTEXT = "notes"
POD = "assistant-0"


class Member:
    """A member with one pod: its volume, its agent, and a control plane that is played by the test."""

    def __init__(self, api: Api, apiserver: ApiServer, namespace: str, volume: Path, log: Path) -> None:
        self.api, self.namespace, self.volume, self.log = api, namespace, volume, log
        self.directory = volume / CONTEXT / "resources"
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "KUBECONFIG": str(apiserver.kubeconfig),
            "MCPFED_CLUSTER": "m1",
            "MCPFED_SERVER": "assistant",
            "MCPFED_CONTEXT_DIR": str(volume),
            "MCPFED_HEALTH_PORT": "0",
            "POD_NAME": POD,
            "POD_UID": str(uuid.uuid4()),
            "POD_NAMESPACE": namespace,
            "POD_IP": "127.0.0.1",
        }
        self.command: tuple[str, ...] = (sys.executable, "-m", "controllers.agent")
        self.process: asyncio.subprocess.Process | None = None
        self.version = 0
        self.vector: dict[str, str] = {}

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, env=self.environment, stdout=log, stderr=log
            )

    async def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), DEADLINE)

    async def serve(self, items: Mapping[str, str | None], decided: dict[str, str] | None = None) -> MCPContextSpec:
        """The control plane's next revision: texts by item name, None for a tombstone."""
        self.version += 1
        hlc = clock.encode(time.time_ns() // 1_000_000)
        dot = Dot(site="declared", hlc=hlc)
        self.vector = {**self.vector, **(decided or {}), "declared": hlc}
        live = {name: resource(name, text) for name, text in items.items() if text is not None}
        digests = {name: canonical.content_digest(content) for name, content in live.items()}
        served = [
            ServedItem.model_validate({**Item.of(name, content).wire(), "dot": dot}) for name, content in live.items()
        ]
        spec = MCPContextSpec(
            mcp_server_name="assistant",
            context_type=ContextType.RESOURCES,
            context_payload=ServedPayload(items=served),
            tombstones=[Tombstone(name=name, dot=dot) for name, text in items.items() if text is None],
            version=self.version,
            timestamp=clock.rfc3339(hlc),
            digest=canonical.payload_digest(digests),
            chain_digest=canonical.digest([self.version, digests]),
            version_vector=self.vector,
        )
        await self.store(spec)
        return spec

    async def store(self, spec: MCPContextSpec) -> None:
        """What Karmada does."""
        metadata = {"name": CONTEXT, "namespace": self.namespace}
        await self.api.apply(MCP_CONTEXT, {"metadata": metadata, "spec": spec.wire()}, "test", force=True)

    async def replica(self) -> dict[str, Any] | None:
        return await self.api.get(CONTEXT_REPLICA, self.namespace, pod_replica_name(CONTEXT, POD))

    async def state(self) -> SiteState | None:
        found = await self.replica()
        return ContextReplicaSpec.model_validate(found["spec"]).sites[0] if found else None

    async def state_when(self, holds: Callable[[SiteState], bool]) -> SiteState:
        """The published state once the condition holds."""
        deadline = time.monotonic() + DEADLINE
        while (state := await self.state()) is None or not holds(state):
            assert time.monotonic() < deadline, f"{state and state.wire()}\n{self.log.read_text()[-3000:]}"
            await asyncio.sleep(0.005)
        return state

    async def applied(self) -> SiteState:
        """The published state once the newest revision is applied."""
        return await self.state_when(lambda state: state.applied_version == self.version)

    async def changes_when(self, *names: str) -> dict[str, Change]:
        """The published changes by item once exactly these items have one."""
        state = await self.state_when(lambda state: sorted(change.item for change in state.changes) == sorted(names))
        return {change.item: change for change in state.changes}

    def texts(self) -> dict[str, str]:
        return {
            path.relative_to(self.directory).as_posix(): path.read_text()
            for path in self.directory.rglob("*")
            if path.is_file()
        }

    async def texts_when(self, wanted: dict[str, str]) -> None:
        deadline = time.monotonic() + DEADLINE
        while self.texts() != wanted:
            assert time.monotonic() < deadline, f"{self.texts()}\n{self.log.read_text()[-3000:]}"
            await asyncio.sleep(0.005)


def resource(name: str, text: str) -> ItemContent:
    definition = {"uri": f"resource:///{name}", "name": name, "mimeType": "text/plain"}
    return ItemContent(definition=definition, text=text)


@pytest.fixture
async def member(api: Api, apiserver: ApiServer, namespace: str, tmp_path: Path) -> AsyncIterator[Member]:
    await install_crds(api)
    volume = tmp_path / "context"
    volume.mkdir()
    member = Member(api, apiserver, namespace, volume, tmp_path / "agent.log")
    yield member
    if member.process is not None:
        await member.end(signal.SIGKILL)


async def install_crds(api: Api) -> None:
    for path in (ROOT / "crds").glob("*.yaml"):
        crd = yaml.safe_load(path.read_text())
        await api.apply(CRD, crd, "test", force=True)
        await served(api, crd["metadata"]["name"])


async def served(api: Api, name: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while True:
        found = await api.get(CRD, None, name)
        conditions: list[dict[str, str]] = (found or {}).get("status", {}).get("conditions") or []
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return
        assert time.monotonic() < deadline, name
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(member: Member) -> AsyncGenerator[None]:
    await member.start()
    try:
        yield
    finally:
        await member.end(signal.SIGKILL)


async def test_a_revision_becomes_files_and_its_digest_is_published(member: Member) -> None:
    spec = await member.serve({"a.txt": "alpha\n", "deep/b.txt": "beta\n"})
    await member.start()

    state = await member.applied()

    assert member.texts() == {"a.txt": "alpha\n", "deep/b.txt": "beta\n"}
    assert state.digest == spec.digest
    assert state.base_digest == spec.chain_digest
    assert state.changes == []
    assert state.problems == []
    applied = json.loads((member.volume / BOOKKEEPING / CONTEXT / APPLIED).read_text())
    assert applied == {
        "context": CONTEXT,
        "contextType": "resources",
        "version": 1,
        "epoch": 0,
        "digest": spec.digest,
        "chainDigest": spec.chain_digest,
        "mcpServerName": "assistant",
    }


async def test_edits_additions_and_deletions_are_proposed_with_their_base(member: Member) -> None:
    spec = await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()
    base = spec.context_payload.items[0].dot

    (member.directory / "a.txt").write_text("alpha, edited\n")
    (member.directory / "b.txt").unlink()
    (member.directory / "c.txt").write_text("gamma\n")
    changes = await member.changes_when("a.txt", "b.txt", "c.txt")

    assert changes["a.txt"].content == resource("a.txt", "alpha, edited\n")
    assert changes["a.txt"].base_dot == base
    assert changes["b.txt"].deleted
    assert changes["b.txt"].base_dot == base
    assert changes["c.txt"].content == resource("c.txt", "gamma\n")
    assert changes["c.txt"].base_dot is None
    assert all(change.dot.site.startswith(f"m1/{POD}#") for change in changes.values())


async def test_an_undecided_edit_stays_until_the_control_plane_decides(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()
    (member.directory / "a.txt").write_text("mine\n")
    mine = (await member.changes_when("a.txt"))["a.txt"]

    await member.serve({"a.txt": "theirs\n", "b.txt": "beta 2\n"})
    await member.applied()
    assert member.texts() == {"a.txt": "mine\n", "b.txt": "beta 2\n"}
    assert (await member.changes_when("a.txt"))["a.txt"] == mine

    await member.serve({"a.txt": "theirs\n", "b.txt": "beta 2\n"}, decided={mine.dot.site: mine.dot.hlc})
    await member.texts_when({"a.txt": "theirs\n", "b.txt": "beta 2\n"})
    await member.changes_when()


async def test_what_the_agent_writes_itself_causes_no_write_to_the_api_server(member: Member) -> None:
    await member.serve({f"{number}.txt": f"text {number}\n" for number in range(20)})
    await member.start()
    await member.applied()
    await member.serve({f"{number}.txt": f"text {number} again\n" for number in range(20)})
    await member.applied()
    before = await member.replica()

    (member.directory / "0.txt").touch()
    (member.directory / "1.txt").write_text("text 1 again\n")
    await asyncio.sleep(0.5)

    assert before is not None
    assert (await member.replica() or {})["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_an_invalid_file_is_reported_with_its_line_and_left_alone(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()
    broken = '{\n  "definition": {\n'
    (member.directory / "a.txt.mcp.json").write_text(broken)
    state = await member.state_when(lambda state: bool(state.problems))
    assert state.problems[0].item == "a.txt"
    assert state.problems[0].message.startswith("resources/a.txt.mcp.json:3: ")
    assert state.changes == []

    await member.serve({"a.txt": "alpha 2\n", "b.txt": "beta 2\n"})
    await member.texts_when({"a.txt": "alpha\n", "a.txt.mcp.json": broken, "b.txt": "beta 2\n"})

    (member.directory / "a.txt.mcp.json").unlink()
    await member.texts_when({"a.txt": "alpha 2\n", "b.txt": "beta 2\n"})
    state = await member.state_when(lambda state: not state.problems)
    assert state.changes == []


async def test_content_found_without_a_journal_yields_to_the_head_but_is_kept_aside(member: Member) -> None:
    member.directory.mkdir(parents=True)
    (member.directory / "a.txt").write_text("found\n")
    (member.directory / "gone.txt").write_text("deleted elsewhere\n")
    (member.directory / "new.txt").write_text("unknown elsewhere\n")
    await member.serve({"a.txt": "head\n", "gone.txt": None})
    await member.start()

    changes = await member.changes_when("new.txt")

    assert changes["new.txt"].base_dot is None
    assert member.texts() == {"a.txt": "head\n", "new.txt": "unknown elsewhere\n"}
    saved = {path.name: path.read_text() for path in (member.volume / RESERVED / "recovered").rglob("*.txt")}
    assert saved == {"a.txt": "found\n", "gone.txt": "deleted elsewhere\n"}


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


async def test_an_emptied_directory_halts_instead_of_deleting(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()
    for path in member.directory.iterdir():
        path.rename(path.with_name(f".{path.name}"))

    state = await member.state_when(lambda state: bool(state.problems))
    assert (state.problems[0].reason, state.changes) == ("Halted", [])

    for path in member.directory.iterdir():
        path.rename(path.with_name(path.name.removeprefix(".")))
    assert (await member.state_when(lambda state: not state.problems)).changes == []


async def test_a_restored_control_plane_is_handed_what_it_lost_until_it_has_it_again(member: Member) -> None:
    old = await member.serve({"a.txt": "alpha\n"})
    new = await member.serve({"a.txt": "alpha 2\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()

    await member.store(old)
    state = await member.state_when(lambda state: state.inventory is not None)
    assert state.inventory is not None
    assert {item.name: item.content and item.content.text for item in state.inventory.items} == {
        "a.txt": "alpha 2\n",
        "b.txt": "beta\n",
    }
    assert state.inventory.version_vector == new.version_vector
    assert [problem.reason for problem in state.problems] == ["RecoveryNeeded"]
    assert member.texts() == {"a.txt": "alpha 2\n", "b.txt": "beta\n"}

    (member.directory / "a.txt").write_text("mine\n")
    change = (await member.changes_when("a.txt"))["a.txt"]
    state = await member.state()
    assert state is not None
    assert state.inventory is not None
    assert [item.name for item in state.inventory.items] == ["b.txt"]

    await member.serve({"a.txt": "mine\n", "b.txt": "beta\n"}, decided={change.dot.site: change.dot.hlc})
    state = await member.applied()
    assert (state.inventory, state.problems, state.changes) == (None, [], [])


async def test_an_older_revision_that_is_delivered_late_makes_no_noise(member: Member) -> None:
    old = await member.serve({"a.txt": "alpha\n"})
    new = await member.serve({"a.txt": "alpha 2\n"})
    await member.start()
    await member.applied()
    before = await member.replica()

    await member.store(old)
    await asyncio.sleep(0.2)
    await member.store(new)
    await asyncio.sleep(1.5)  # longer than a late delivery is borne

    assert before is not None
    assert (await member.replica() or {})["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_mass_deletion_is_published_only_when_a_person_has_confirmed_it(member: Member) -> None:
    await member.serve({f"{number}.txt": "text\n" for number in range(5)})
    await member.start()
    await member.applied()
    for number in range(4):
        (member.directory / f"{number}.txt").unlink()
    state = await member.state_when(lambda state: any(problem.reason == "Halted" for problem in state.problems))
    assert state.changes == []

    annotations = {CONFIRM_ANNOTATION: confirmation([state])}
    name = pod_replica_name(CONTEXT, POD)
    await member.api.patch(CONTEXT_REPLICA, member.namespace, name, {"metadata": {"annotations": annotations}})
    changes = await member.changes_when("0.txt", "1.txt", "2.txt", "3.txt")
    assert all(change.deleted for change in changes.values())
    assert (await member.state_when(lambda state: not state.problems)).site == state.site


async def test_without_an_api_server_it_goes_on_detecting_and_publishes_when_one_is_back(
    member: Member, apiserver: ApiServer, tmp_path: Path
) -> None:
    async with proxied(URL(apiserver.server).port or 0) as proxy:
        kubeconfig = apiserver.kubeconfig.read_text().replace(apiserver.server, f"https://127.0.0.1:{proxy.port}")
        (tmp_path / "kubeconfig").write_text(kubeconfig)
        member.environment["KUBECONFIG"] = str(tmp_path / "kubeconfig")
        await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
        await member.start()
        await member.applied()
        proxy.cut()

        (member.directory / "a.txt").write_text("while it is away\n")
        await eventually(lambda: journaled(member, "a.txt"))
        await member.end(signal.SIGKILL)
        (member.directory / "b.txt").write_text("while both are away\n")
        await member.start()
        await eventually(lambda: journaled(member, "b.txt"))

        proxy.heal()
        changes = await member.changes_when("a.txt", "b.txt")
        assert changes["a.txt"].content == resource("a.txt", "while it is away\n")
        assert changes["b.txt"].content == resource("b.txt", "while both are away\n")


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


async def test_files_are_looked_at_where_they_cannot_be_watched(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n"})
    member.command = without_inotify(*member.command)
    await member.start()
    await member.applied()
    (member.directory / "a.txt").write_text("mine\n")
    await member.changes_when("a.txt")
    assert "fs.inotify.max_user_instances" in member.log.read_text()


async def test_settings_that_are_missing_are_named(member: Member) -> None:
    del member.environment["POD_NAME"]
    await member.start()
    assert member.process is not None
    assert await asyncio.wait_for(member.process.wait(), DEADLINE) == 1
    assert "POD_NAME" in member.log.read_text()


async def test_killed_at_any_moment_it_neither_loses_nor_invents_a_change(member: Member) -> None:
    names = [f"{number}.txt" for number in range(30)]
    texts: dict[str, str] = dict.fromkeys(names, "0\n")
    await member.serve(texts)
    for attempt in range(1, 13):
        await member.start()
        await member.applied()
        (member.directory / "0.txt").write_text(f"edit {attempt}\n")
        texts = dict.fromkeys(names, f"{attempt}\n")
        await member.serve(texts)
        await asyncio.sleep(0.003 * attempt)  # the moment of the crash, different each time
        await member.end(signal.SIGKILL)

        async with running(member):
            await member.applied()
            change = (await member.changes_when("0.txt"))["0.txt"]
            assert change.content == resource("0.txt", f"edit {attempt}\n")
            assert member.texts() == {**texts, "0.txt": f"edit {attempt}\n"}
            await member.serve(texts, decided={change.dot.site: change.dot.hlc})
            await member.texts_when(texts)
            await member.changes_when()


async def release(member: Member, name: str) -> None:
    """What the context controller does once the changes are in safe hands."""
    await member.api.patch(CONTEXT_REPLICA, member.namespace, name, {"metadata": {"finalizers": None}})


async def journaled(member: Member, item: str) -> bool:
    path = member.volume / BOOKKEEPING / CONTEXT / "journal.json"
    return item in json.loads(path.read_text())["pending"]


async def replica_is(member: Member, holds: Callable[[dict[str, Any]], bool]) -> bool:
    found = await member.replica()
    return found is not None and holds(found)


async def eventually(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
