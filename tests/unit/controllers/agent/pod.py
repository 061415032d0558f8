"""A pod of the tests: a volume, and whatever instance of the agent runs on it, also one that dies at any write."""

import itertools
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.context_replica import Change, SiteState
from api.dot import Dot
from api.item import ContextType, Item, ItemContent
from api.mcp_context import LocalRule, MCPContextSpec, ServedItem, ServedPayload, Tombstone
from controllers.agent.holding import Holding, Origin
from core.site.plan import Desired
from core.values import canonical, clock

CONTEXT = "ctx"


Items = dict[str, ItemContent | None]


class Crash(BaseException):
    """The process dies here."""


def tool(text: str, module: str | None = None, mode: str | None = None) -> ItemContent:
    definition = {"description": text, "inputSchema": {"type": "object"}}
    return ItemContent(definition=definition, handler={"python": {"entrypoint": "run"}}, text=module, mode=mode)


def revision(
    version: int,
    items: Items,
    decided: dict[str, str] | None = None,
    local_items: list[LocalRule] | None = None,
) -> Desired:
    dot = Dot(site="declared", hlc=clock.encode(version))
    live = {name: content for name, content in items.items() if content is not None}
    digests = {name: canonical.content_digest(content) for name, content in live.items()}
    served = [ServedItem.model_validate({**Item.of(name, value).wire(), "dot": dot}) for name, value in live.items()]
    return Desired.of(
        MCPContextSpec(
            mcp_server_name="s",
            context_type=ContextType.TOOLS,
            context_payload=ServedPayload(items=served),
            tombstones=[Tombstone(name=name, dot=dot) for name, content in items.items() if content is None],
            version=version,
            timestamp="2026-01-01T00:00:00.000Z",
            digest=canonical.payload_digest(digests),
            chain_digest=canonical.digest([version, digests]),
            version_vector={"declared": dot.hlc, **(decided or {})},
            local_items=local_items,
        )
    )


class Pod:
    """A volume, and whatever instance of the agent runs on it."""

    def __init__(self, volume: Path) -> None:
        self.volume = volume
        self.clock = itertools.count(1_000_000)
        self.incarnations = itertools.count(1)
        self.tools = volume / CONTEXT / "tools"
        self.restart()

    def restart(self) -> None:
        origin = Origin("m1/pod-0", "pod-0", lambda: next(self.clock), lambda: f"{next(self.incarnations):08x}")
        self.holding = Holding(self.volume, CONTEXT, origin)
        self.published: SiteState | None = None

    def wake(self, head: Desired | None = None) -> SiteState:
        """One turn of the loop: what is published at its end."""
        self.published = self.holding.detect() or self.published
        if head is not None:
            self.published = self.holding.apply(head) or self.published
        assert self.published is not None
        return self.published

    def files(self) -> dict[str, str]:
        paths = (path for path in (self.volume / CONTEXT).rglob("*") if path.is_file())
        return {path.relative_to(self.tools).as_posix(): path.read_text() for path in paths}

    def changes(self) -> dict[str, Change]:
        return {change.item: change for change in self.published.changes} if self.published else {}


@contextmanager
def dying_at(write: int, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The process dies instead of doing the n-th thing that changes the file system."""
    count = itertools.count()

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if next(count) == write:
                raise Crash
            return original(*args, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("rename", "replace", "unlink", "mkdir", "rmdir", "fsync"):
            patch.setattr(os, name, dying(getattr(os, name)))
        yield


def crashes(pod: Callable[[], Pod], monkeypatch: pytest.MonkeyPatch, act: Callable[[Pod], object]) -> Iterator[Pod]:
    """A restarted pod for each write of `act` at which it died."""
    for write in range(1000):
        fresh = pod()
        try:
            with dying_at(write, monkeypatch):
                act(fresh)
        except Crash:
            fresh.restart()
            yield fresh
        else:
            assert write > 5, "there was hardly anything to interrupt"
            return


FIRST: Items = {"a": tool("a1", "A = 1\n"), "b": tool("b1"), "c": tool("c1", "C = 1\n"), "d": tool("d1")}


SECOND: Items = {"a": tool("a2", "A = 2\n"), "b": None, "c": tool("c2"), "d": tool("d1"), "e/f": tool("e1", "E = 1\n")}


def settled(tmp_path: Path, items: Items = SECOND) -> dict[str, str]:
    """The files of a pod to which nothing else ever happened."""
    pod = Pod(tmp_path / "settled")
    pod.wake(revision(1, items))
    return pod.files()
