"""The agent of one pod: a controller of its contexts, woken by the API server and by the volume."""

import asyncio
from pathlib import Path

from watchfiles import Change

from controllers.agent.held_context import HeldContext
from controllers.agent.holding import Origin
from controllers.agent.publisher import Publisher
from controllers.agent.records import forget_withdrawn, known_contexts
from controllers.agent.settings import Settings
from core.site.bookkeeping import RESERVED
from files.watching import FileChanges, watch_files
from kube.client import Api
from kube.controller import Controller, Done, Result
from kube.kinds import MCP_CONTEXT, Object, ObjectKey
from kube.process import run_until
from kube.reflector import Reflector

_STEP_MILLIS = 10
"""An editor truncates and then writes: files that rest for about this long are looked at."""
_DEBOUNCE_MILLIS = 100
"""Files that never rest are looked at this often."""
_WORKERS = 8
"""Contexts that are looked at at a time: more than there are threads for it on a small node."""
_DRAIN_SECONDS = 60.0
"""A step is not cut off, because its thread would go on beside the last word; the process ends before this time."""


class Agent:
    """Holds the contexts of one MCP server in one pod. A key of the controller is a context's name."""

    def __init__(self, api: Api, settings: Settings, origin: Origin) -> None:
        self._api = api
        self._settings = settings
        self._origin = origin
        self._volume = settings.volume.resolve()
        self._contexts = Reflector(api, MCP_CONTEXT, settings.namespace)
        self._controller = Controller("contexts", self._reconcile, _WORKERS, drain_seconds=_DRAIN_SECONDS)
        self._publishing = asyncio.TaskGroup()
        self._held: dict[str, tuple[HeldContext, asyncio.Task[None]]] = {}
        """With the task of its publisher."""
        self._deleted: set[str] = set()
        """Contexts whose MCPContext was deleted and whose files are not yet set aside."""

    def is_ready(self) -> bool:
        """Whether all contexts are known and each has been looked at."""
        return self._contexts.synced.is_set() and all(
            context in self._held and self._held[context][0].scanned for context in self._placed()
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Holds the contexts until `stop`, then says a last word on each."""
        await asyncio.to_thread(forget_withdrawn, self._volume)
        known = await asyncio.to_thread(known_contexts, self._volume)
        async with self._publishing:
            for context in known:
                self._hold(context)
            self._contexts.subscribe(self._on_context)
            await run_until(stop, self._contexts.run(), self._watch_files(), self._controller.run())
            await asyncio.gather(*(held.say_last_word() for held, _ in self._held.values()))
            for _, publisher in self._held.values():
                publisher.cancel()

    async def _reconcile(self, context: str) -> Result:
        """Holds a context that is placed here, or was when we last ran, until it is withdrawn."""
        if context not in self._held:
            if self._newest(context) is None:
                return Done()
            self._hold(context)
        held, publisher = self._held[context]
        if not (held.withdrawing or self._is_withdrawn(context)):
            return await held.hold(self._newest(context))
        await held.withdraw()
        if held.publisher.is_settled:
            publisher.cancel()
            del self._held[context]
            self._deleted.discard(context)
            self._controller.queue.add(context)  # it may be placed here anew
        return Done()

    def _hold(self, context: str) -> None:
        publisher = Publisher(self._api, self._settings, context)
        publisher.subscribe(lambda: self._controller.queue.add(context))
        held = HeldContext(self._volume, context, self._origin, publisher)
        self._held[context] = (held, self._publishing.create_task(publisher.run()))
        self._controller.queue.add(context)

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
        """Wakes the contexts whose files have changed; where nobody knows which, all of them."""
        paths = [Path(path).relative_to(self._volume) for _, path in changes or ()]
        contexts = {*self._held} if changes is None else {part for path in paths for part in path.parts[:1]}
        for context in contexts & self._held.keys():
            self._controller.queue.add(context)

    def _on_context(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None and key.name in self._held:
            # Remembered, because it may be created anew before anybody looks: that is another context.
            self._deleted.add(key.name)
        self._controller.queue.add(key.name)

    def _placed(self) -> set[str]:
        return {key.name for key in self._contexts.cache if self._newest(key.name) is not None}

    def _newest(self, context: str) -> Object | None:
        found = self._contexts.cache.get(ObjectKey(self._settings.namespace, context))
        return found if found and found["spec"].get("mcpServerName") == self._settings.server else None

    def _is_withdrawn(self, context: str) -> bool:
        known = self._contexts.synced.is_set()
        return known and (context in self._deleted or self._newest(context) is None)
