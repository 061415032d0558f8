"""One test's view of a running federation: contexts of its own, what became of them, and the members' files."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from api.context_revision import ContextRevision, ContextRevisionSpec
from api.federated_context import FederatedContext, FederatedContextStatus, Phase
from api.item import ContextType, ItemContent
from api.names import API_VERSION, CONTEXT_LABEL
from core.site.bookkeeping import APPLIED, BOOKKEEPING
from core.site.directory import File, parse
from core.values.canonical import content_digest, payload_digest
from fleet.state import CONTROL_PLANE
from kube.client import Api
from kube.kinds import CONTEXT_REVISION, FEDERATED_CONTEXT, MCP_CONTEXT, Object, ObjectKey
from kube.reflector import Reflector
from tests.support.fleet import SERVER, LocalFleet

_WITHDRAW_SECONDS = 180.0
"""Karmada's watches pause for longer and longer when the control plane's store has failed several times."""
DECLARER = "e2e-declarer"
"""Field manager of the tests' declarations."""


async def until(holds: Callable[[], object], seconds: float, explain: Callable[[], object] = lambda: "") -> None:
    """Returns as soon as `holds` gives something true; AssertionError with `explain` if it does not in time."""
    try:
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110  files and processes have no event to set
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:.0f} s: {explain()}") from None


def document(name: str, text: str) -> dict[str, Any]:
    """An MCP resource that is wholly described by its file."""
    definition = {"uri": f"resource:///{name}", "name": name, "mimeType": "text/plain"}
    return {"name": name, "definition": definition, "text": text}


def tool(name: str, answer: str) -> dict[str, Any]:
    """A tool with a fixed answer."""
    return {
        "name": name,
        "definition": {"name": name, "description": answer, "inputSchema": {"type": "object"}},
        "handler": {"static": {"content": [{"type": "text", "text": answer}]}},
    }


class Context:
    """A FederatedContext of the MCP server `assistant`, of the test that made it."""

    def __init__(self, federation: Federation, name: str, kind: ContextType) -> None:
        self.name = name
        self.kind = kind
        self.statuses: list[tuple[int, FederatedContextStatus]] = []
        """Every generation and status that was seen, in order."""
        self._federation = federation
        self._revisions: dict[int, ContextRevisionSpec] = {}
        federation.contexts.subscribe(self._on_context)
        federation.revisions.subscribe(self._on_revision)

    async def declare(self, items: list[dict[str, Any]], **spec: Any) -> Object:
        """Applies the declaration, as `kubectl apply --server-side` does."""
        body = {
            "apiVersion": API_VERSION,
            "kind": "FederatedContext",
            "metadata": {"name": self.name, "namespace": SERVER},
            "spec": {
                "mcpServerName": SERVER,
                "contextType": self.kind,
                "contextPayload": {"items": items},
                "history": {"revisions": 1000},
                **spec,
            },
        }
        return await self._federation.control_plane.apply(FEDERATED_CONTEXT, body, DECLARER)

    async def stored(self) -> FederatedContext:
        """The object as it is on the control plane now."""
        raw = await self._federation.control_plane.get(FEDERATED_CONTEXT, SERVER, self.name)
        assert raw is not None
        return FederatedContext.parse(raw)

    @property
    def status(self) -> FederatedContextStatus:
        """The newest status."""
        return self.statuses[-1][1] if self.statuses else FederatedContextStatus()

    @property
    def generation(self) -> int:
        """The newest generation."""
        return self.statuses[-1][0] if self.statuses else 0

    @property
    def history(self) -> list[ContextRevisionSpec]:
        """Every revision that was seen, oldest first."""
        return [self._revisions[version] for version in sorted(self._revisions)]

    @property
    def head(self) -> ContextRevisionSpec | None:
        """The newest revision."""
        return self._revisions[max(self._revisions)] if self._revisions else None

    @property
    def texts(self) -> dict[str, str]:
        """Text of each item at the head."""
        items = self.head.items if self.head else []
        return {item.name: item.content.text for item in items if item.content and item.content.text is not None}

    def volume(self, member: str) -> Path:
        """The volume of a pod in a member."""
        volumes = self._federation.fleet.volumes(member)
        assert volumes, f"no pod in {member}"
        return next(iter(volumes.values()))

    def is_applied_at(self, volume: Path) -> bool:
        """Whether a pod has applied a revision of the context."""
        return (volume / BOOKKEEPING / self.name / APPLIED).exists()

    def path(self, member: str, file: str, pod: str | None = None) -> Path:
        """A file of the context in a member, e.g. `tools/x.json` in one pod."""
        volume = self._federation.fleet.volumes(member)[pod] if pod else self.volume(member)
        return volume / self.name / file

    def write(self, member: str, file: str, text: str, pod: str | None = None) -> None:
        """Puts a file in its place at once, as an editor does."""
        write_at_once(self.path(member, file, pod), text)

    def held(self, volume: Path) -> dict[str, ItemContent]:
        """The items that the files of a volume make."""
        root = volume / self.name
        files: dict[str, File] = {}
        for path in root.rglob("*"):
            try:
                files[path.relative_to(root).as_posix()] = File(path.read_bytes(), bool(path.stat().st_mode & 0o100))
            except (IsADirectoryError, FileNotFoundError):
                continue
        return parse(self.kind, files).items

    def is_held(self, member: str) -> bool:
        """Whether the files of all pods in a member are those of the head."""
        volumes = self._federation.fleet.volumes(member).values()
        wanted = self.head.digest if self.head else None
        return bool(volumes) and all(digest_of(self.held(volume)) == wanted for volume in volumes)

    @property
    def is_applied(self) -> bool:
        """Whether the status says that the newest declaration and the head are served everywhere."""
        status, head = self.status, self.head
        current = status.observed_generation == self.generation and head is not None
        return bool(current and status.phase is Phase.APPLIED and status.version == head.version)  # pyright: ignore[reportOptionalMemberAccess]

    async def applied(self, seconds: float = 30) -> None:
        """Returns when the newest declaration and the head are served everywhere."""
        await until(lambda: self.is_applied, seconds, self.explain)

    async def settled(self, seconds: float = 30) -> None:
        """Returns when the files in all members are the head's, the status says so and the servers serve it."""
        members = self._federation.fleet.members
        await until(lambda: self.is_applied and all(map(self.is_held, members)), seconds, self.explain)
        for member in members:
            await self._federation.serving(member, self)

    @property
    def digest(self) -> str | None:
        """Digest of the head's payload."""
        return self.head.digest if self.head else None

    def explain(self) -> str:
        """Where it stands."""
        head, held = self.head, {member: self.is_held(member) for member in self._federation.fleet.members}
        return (
            f"{self.name}: generation {self.generation}, head {head and head.version}, files as the head: {held}, "
            f"status {self.status.model_dump(mode='json', exclude={'conditions'})}"
        )

    def _on_context(self, key: ObjectKey, _old: Object | None, new: Object | None) -> None:
        if key.name == self.name and new is not None:
            context = FederatedContext.parse(new)
            self.statuses.append((context.metadata.generation, context.status))

    def _on_revision(self, _key: ObjectKey, _old: Object | None, new: Object | None) -> None:
        if new is not None and new["spec"]["context"] == self.name:
            revision = ContextRevision.parse(new).spec
            self._revisions[revision.version] = revision


class Federation:
    """The control plane and members as one test sees them."""

    def __init__(self, fleet: LocalFleet, control_plane: Api, members: Mapping[str, Api]) -> None:
        self.fleet = fleet
        self.control_plane = control_plane
        self.members = members
        self.contexts = Reflector(control_plane, FEDERATED_CONTEXT, SERVER)
        self.revisions = Reflector(control_plane, CONTEXT_REVISION, SERVER)

    @classmethod
    @asynccontextmanager
    async def of(cls, fleet: LocalFleet) -> AsyncGenerator[Federation]:
        """Follows the fleet's contexts until the block ends."""
        apis = {name: await fleet.api(name) for name in (CONTROL_PLANE, *fleet.members)}
        control_plane = apis.pop(CONTROL_PLANE)
        federation = cls(fleet, control_plane, apis)
        following = [asyncio.create_task(r.run()) for r in (federation.contexts, federation.revisions)]
        try:
            async with asyncio.timeout(60):
                await federation.contexts.synced.wait()
                await federation.revisions.synced.wait()
            yield federation
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            await asyncio.gather(*(api.close() for api in (control_plane, *apis.values())))

    @asynccontextmanager
    async def context(self, kind: ContextType = ContextType.RESOURCES, name: str = "e2e") -> AsyncGenerator[Context]:
        """A context that does not exist yet; whatever was declared is withdrawn everywhere at the end."""
        context = Context(self, f"{name}-{uuid.uuid4().hex[:8]}", kind)
        try:
            yield context
        finally:
            await self.withdraw(context.name)

    async def withdraw(self, name: str) -> None:
        """Deletes a context and returns when nothing of it is left on the control plane or served in a member."""
        async with asyncio.timeout(_WITHDRAW_SECONDS):
            while await self.control_plane.delete(FEDERATED_CONTEXT, SERVER, name):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            for api in (self.control_plane, *self.members.values()):
                while await api.get(MCP_CONTEXT, SERVER, name) is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            while await self.control_plane.list(CONTEXT_REVISION, SERVER, f"{CONTEXT_LABEL}={name}"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await until(lambda: not any(self._serving(name)), 30, lambda: [str(path) for path in self._serving(name)])

    def _serving(self, name: str) -> list[Path]:
        volumes = [volume for member in self.fleet.members for volume in self.fleet.volumes(member).values()]
        return [volume for volume in volumes if (volume / BOOKKEEPING / name / APPLIED).exists()]

    async def health(self, member: str) -> dict[str, Any]:
        """What the MCP server of a member reports of its contexts; empty while it does not answer."""
        url = self.fleet.state.endpoints.get(member, {}).get(SERVER, "").removesuffix("/mcp")
        if not url:
            return {}
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as response:
                return (await response.json())["contexts"]
        except (aiohttp.ClientError, OSError):
            return {}

    async def served(self, member: str, context: str) -> str | None:
        """Digest of a context as the MCP server of a member serves it."""
        return (await self.health(member)).get(context, {}).get("digest")

    async def serving(self, member: str, context: Context) -> None:
        """Returns when the MCP server of a member serves the head."""
        async with asyncio.timeout(30):
            while await self.served(member, context.name) != context.digest:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def digest_of(items: Mapping[str, ItemContent]) -> str:
    """Digest of a payload."""
    return payload_digest({name: content_digest(content) for name, content in items.items()})


def write_at_once(path: Path, text: str) -> None:
    """Puts a file in its place with one rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    staged.write_text(text)
    os.replace(staged, path)  # noqa: PTH105  the word for what it does
