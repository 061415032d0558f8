"""A member with one pod and a real agent on it, and a control plane that is played by the test."""

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from api.context_replica import Change, ContextReplicaSpec, SiteState
from api.dot import Dot
from api.item import ContextType, Item, ItemContent
from api.mcp_context import LocalRule, MCPContextSpec, ServedItem, ServedPayload, Tombstone
from api.names import pod_replica_name
from core.site.bookkeeping import BOOKKEEPING
from core.values import canonical, clock
from kube.client import Api
from kube.kinds import CONTEXT_REPLICA, MCP_CONTEXT
from tests.support.apiserver import ApiServer

REPOSITORY = Path(__file__).parents[2]
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
            "PYTHONPATH": str(REPOSITORY),
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

    @contextmanager
    def frozen(self) -> Generator[None]:
        """The agent sees what happens in the block all at once, when it is over."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    async def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), DEADLINE)

    async def serve(
        self,
        items: Mapping[str, str | None],
        decided: dict[str, str] | None = None,
        local_items: list[LocalRule] | None = None,
    ) -> MCPContextSpec:
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
            local_items=local_items,
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


@asynccontextmanager
async def running(member: Member) -> AsyncGenerator[None]:
    await member.start()
    try:
        yield
    finally:
        await member.end(signal.SIGKILL)


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
