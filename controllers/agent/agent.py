"""The agent of one pod: a loop per context that is placed on its server, woken by the API server and by the volume."""

import asyncio
from pathlib import Path

from watchfiles import Change

from controllers.agent.holding import Origin
from controllers.agent.loop import ContextLoop
from controllers.agent.publisher import Publisher
from controllers.agent.records import forget_withdrawn, known_contexts
from controllers.agent.settings import Settings
from core.site.directory import RESERVED
from files.watching import FileChanges, watch_files
from kube.client import Api
from kube.kinds import MCP_CONTEXT, Object, ObjectKey
from kube.reflector import Reflector

_STEP_MILLIS = 10
"""An editor truncates and then writes: files that rest for about this long are looked at."""
_DEBOUNCE_MILLIS = 100
"""Files that never rest are looked at this often."""


class Agent:
    """Holds the contexts of one MCP server in one pod."""

    def __init__(self, api: Api, settings: Settings, origin: Origin) -> None:
        self._api = api
        self._settings = settings
        self._origin = origin
        self._volume = settings.volume.resolve()
        self._contexts = Reflector(api, MCP_CONTEXT, settings.namespace)
        self._loops: dict[str, ContextLoop] = {}
        self._deleted: set[str] = set()
        """Contexts whose MCPContext was deleted and whose files are not yet set aside."""
        self._review = asyncio.Event()
        """Set when a context may need a loop."""

    def is_ready(self) -> bool:
        """Whether all contexts are known and each has been looked at."""
        return self._contexts.synced.is_set() and all(
            context in self._loops and self._loops[context].scanned.is_set() for context in self._placed()
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Holds the contexts until `stop`, then says a last word on each."""
        await asyncio.to_thread(forget_withdrawn, self._volume)
        async with asyncio.TaskGroup() as group:
            endless = [group.create_task(self._contexts.run()), group.create_task(self._watch_files())]
            endless.append(group.create_task(self._start_loops(group)))
            await stop.wait()
            for task in endless:
                task.cancel()
            for loop in self._loops.values():
                loop.stop()

    async def _start_loops(self, group: asyncio.TaskGroup) -> None:
        """Starts a loop for every context that is placed here, or was when we last ran."""
        self._contexts.subscribe(self._on_context)
        wanted = set(await asyncio.to_thread(known_contexts, self._volume))
        while True:
            for context in wanted - self._loops.keys():
                loop = self._loops[context] = self._loop(context)
                group.create_task(self._hold(loop))
            await self._review.wait()
            self._review.clear()
            wanted = self._placed()

    async def _hold(self, loop: ContextLoop) -> None:
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(loop.publisher.run())
            await loop.run()
            publishing.cancel()
        self._deleted.discard(loop.context)
        del self._loops[loop.context]
        self._review.set()

    async def _watch_files(self) -> None:
        await watch_files(
            self._volume,
            self._on_files,
            settle_millis=_STEP_MILLIS,
            group_millis=_DEBOUNCE_MILLIS,
            concerns=self._concerns_us,
        )

    def _concerns_us(self, _: Change, path: str) -> bool:
        return RESERVED not in Path(path).relative_to(self._volume).parts[:1]

    def _on_files(self, changes: FileChanges | None) -> None:
        """Wakes the loops of the contexts whose files have changed; where that cannot be told, all of them."""
        paths = [Path(path).relative_to(self._volume) for _, path in changes or ()]
        contexts = {*self._loops} if changes is None else {part for path in paths for part in path.parts[:1]}
        for context in contexts & self._loops.keys():
            self._loops[context].wake()

    def _on_context(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None and key.name in self._loops:
            # Remembered, because it may be created anew before anybody looks: that is another context.
            self._deleted.add(key.name)
        self._review.set()
        if loop := self._loops.get(key.name):
            loop.wake()

    def _loop(self, context: str) -> ContextLoop:
        publisher = Publisher(self._api, self._settings, context)
        return ContextLoop(
            self._volume,
            context,
            self._origin,
            publisher,
            newest=lambda: self._newest(context),
            is_withdrawn=lambda: self._is_withdrawn(context),
        )

    def _placed(self) -> set[str]:
        return {key.name for key in self._contexts.cache if self._newest(key.name) is not None}

    def _newest(self, context: str) -> Object | None:
        found = self._contexts.cache.get(ObjectKey(self._settings.namespace, context))
        return found if found and found["spec"].get("mcpServerName") == self._settings.server else None

    def _is_withdrawn(self, context: str) -> bool:
        known = self._contexts.synced.is_set()
        return known and (context in self._deleted or self._newest(context) is None)
