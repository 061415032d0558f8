"""A local copy of a collection that follows the API server: list once, watch, and never miss or invent a change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from random import Random
from types import MappingProxyType
from typing import TypeAlias

import structlog

from kube import metrics
from kube.backoff import DecorrelatedJitter
from kube.client import Api
from kube.errors import (
    ApiError,
    BadRequest,
    ConfigurationError,
    Forbidden,
    FutureVersion,
    Gone,
    Invalid,
    NotFound,
    ServiceUnavailable,
    Silent,
    TooManyRequests,
    Unreachable,
)
from kube.kinds import Kind, Object, ObjectKey
from kube.watch import WatchEvent

_log = structlog.get_logger(__name__)

Subscriber: TypeAlias = Callable[[ObjectKey, Object | None, Object | None], None]
"""Called with key, old and new object; old is None for an added one, new is None for a deleted one."""

IDLE_SECONDS = 75.0
"""Bookmarks come every minute, though not for a collection in which nothing has happened: a watch silent for longer is
quiet or half-open, and only a new one shows which."""
ABSENT_SECONDS = 2.0
"""Longest pause while the server is away, or does not serve or allow the kind yet: asking costs it next to nothing, and
we are to be back soon after it is."""
EXPIRED_SECONDS = 5.0
"""Longest pause before a collection is read anew whose watch has expired, over and over: nothing is seen until then."""
_AWAY = (Unreachable, ConfigurationError, NotFound, Forbidden, TooManyRequests, ServiceUnavailable)
"""How requests to such a server fail; one that is starting fails in the last two ways."""
_HEALTHY_SECONDS = 10.0
"""A watch that lasted this long was a good one."""
_WATCH_SECONDS = (300.0, 600.0)
_RELIST_SECONDS = 1800.0
"""A watch that lost an event without a sign of it is made good within this time."""


class Reflector:
    """Follows one collection; `run` it, wait for `synced`, read `cache`, `subscribe` to changes.

    Objects in the cache are shared: never change one. They lack `metadata.managedFields`.
    """

    def __init__(
        self,
        api: Api,
        kind: Kind,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        *,
        idle_seconds: float = IDLE_SECONDS,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        """Set once the cache has held the whole collection; never cleared."""
        self._api = api
        self._namespace = namespace
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._idle_seconds = idle_seconds
        self._random = random or Random()  # noqa: S311  spreads load, guards nothing
        self._clock = clock
        self._sleep = sleep
        self._cache: dict[ObjectKey, Object] = {}
        self._subscribers: list[Subscriber] = []
        self._version: str | None = None
        """How far the cache has followed; None means that the collection must be read whole."""
        self._moved = asyncio.Event()
        """Set whenever `_version` moves."""
        self._listed = float("-inf")
        self._streams_lists = True

    @property
    def cache(self) -> Mapping[ObjectKey, Object]:
        """A live view of the collection."""
        return MappingProxyType(self._cache)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Calls `subscriber` for what is in the cache and for every change from now on; it must not wait."""
        self._subscribers.append(subscriber)
        for key, obj in self._cache.items():
            self._notify(subscriber, key, None, obj)

    def observe(self, obj: Object) -> None:
        """Stores what a write has returned, so that its writer need not wait for the watch to find it in the cache.

        Nothing happens if the watch is already past it.
        """
        if self._version is not None and _is_newer(obj["metadata"]["resourceVersion"], self._version):
            self._store(ObjectKey.of(obj), _slim(obj))

    async def reached(self, version: str, seconds: float) -> None:
        """Returns once the cache holds all that was written up to a resource version.

        Raises:
            TimeoutError: the watch has not come that far in time.
        """
        async with asyncio.timeout(seconds):
            while self._version is None or _is_newer(version, self._version):
                self._moved.clear()
                await self._moved.wait()

    async def run(self) -> None:
        """Follows the collection until cancelled, through every failure."""
        backoff = DecorrelatedJitter(self._random)
        while True:
            started = self._clock()
            error = await self._attempt()
            lasted = self._clock() - started >= _HEALTHY_SECONDS
            if lasted:
                backoff.reset()
            # Only a watch that ends well after a while is followed by the next one at once: a server that ends every
            # watch as soon as it begins must not be asked without pause.
            if error is not None or not lasted:
                await self._sleep(_pause(backoff.next(), error))

    async def _attempt(self) -> Exception | None:
        """One watch to its end; what broke it, if anything did."""
        error = None
        try:
            await self._follow()
            reason = "ended"
        except (ApiError, Unreachable, ConfigurationError) as caught:
            reason = type(caught).__name__
            if self._version is None or not isinstance(caught, Silent):
                error = caught
                self._react(caught)
        metrics.WATCH_ENDS.labels(kind=self.kind.name, reason=reason).inc()
        return error

    def _react(self, error: Exception) -> None:
        if isinstance(error, (Gone, FutureVersion)):
            self._version = None
        # A server that does not stream lists refuses, or never sends the bookmark that ends one.
        if self._version is None and isinstance(error, (BadRequest, Invalid, Silent)):
            self._streams_lists = False
        _log.warning("watch broken", kind=self.kind.name, error=str(error))

    async def _follow(self) -> None:
        """One watch, with what must come before it."""
        if self._version is not None:
            await self._check_version()
        streaming = self._version is None and self._streams_lists
        if self._version is None and not streaming:
            await self._relist()
        await self._watch({} if streaming else None)

    async def _check_version(self) -> None:
        """Decides whether the watch may go on where it ended.

        A store that was restored from a backup is behind our version, and a watch from the future is silent about
        everything until the store gets there.
        """
        newest = await self._api.newest_version(self.kind, self._namespace, **self._selectors)
        restored = self._version is not None and newest != self._version and not _is_newer(newest, self._version)
        if restored or self._clock() - self._listed > _RELIST_SECONDS:
            self._version = None

    async def _relist(self) -> None:
        listing = await self._api.listing(self.kind, self._namespace, **self._selectors)
        metrics.LISTS.labels(kind=self.kind.name, how="pages").inc()
        self._replace({ObjectKey.of(obj): _slim(obj) for obj in listing.items}, listing.version)

    async def _watch(self, initial: dict[ObjectKey, Object] | None) -> None:
        """Follows one watch to its end; `initial` gathers the objects of a streaming list until that is complete."""
        events = self._api.watch(
            self.kind,
            self._namespace,
            resource_version=self._version or "",
            initial_events=initial is not None,
            timeout_seconds=self._random.uniform(*_WATCH_SECONDS),
            idle_seconds=self._idle_seconds,
            **self._selectors,
        )
        async with aclosing(events):
            async for event in events:
                if initial is None:
                    self._advance(event)
                elif event.ends_initial_events:
                    metrics.LISTS.labels(kind=self.kind.name, how="stream").inc()
                    self._replace(initial, event.version)
                    initial = None
                else:
                    _gather(initial, event)
        if initial is not None:
            raise Silent(f"WATCH {self.kind.name}: ended before the initial events were complete")

    def _advance(self, event: WatchEvent) -> None:
        """Stores one event of a watch that goes on from the cache."""
        if event.type != "BOOKMARK":
            self._take(ObjectKey.of(event.object), event)
        if self._version is None or _is_newer(event.version, self._version):
            self._version = event.version
            self._moved.set()

    def _take(self, key: ObjectKey, event: WatchEvent) -> None:
        known = self._cache.get(key)
        if known is not None and not _is_newer(event.version, known["metadata"]["resourceVersion"]):
            return  # A duplicate, or older than what `observe` has stored.
        if event.type == "DELETED":
            self._store(key, None)
        elif known is None and self._version is not None and not _is_newer(event.version, self._version):
            # It may have been deleted since: only the whole collection shows that.
            raise Gone(410, "OutOfOrder", f"WATCH {self.kind.name} {key}: an event from before the version reached")
        else:
            self._store(key, _slim(event.object))

    def _replace(self, objects: dict[ObjectKey, Object], version: str) -> None:
        for key in self._cache.keys() - objects.keys():
            self._store(key, None)
        for key, obj in objects.items():
            if not _is_same(self._cache.get(key), obj):
                self._store(key, obj)
        self._version = version
        self._moved.set()
        self._listed = self._clock()
        self.synced.set()

    def _store(self, key: ObjectKey, new: Object | None) -> None:
        old = self._cache.pop(key, None) if new is None else self._cache.get(key)
        if new is not None:
            self._cache[key] = new
        if old is not None or new is not None:
            for subscriber in self._subscribers:
                self._notify(subscriber, key, old, new)

    def _notify(self, subscriber: Subscriber, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        try:
            subscriber(key, old, new)
        except Exception:
            _log.exception("a subscriber failed", kind=self.kind.name, key=str(key))


def _pause(seconds: float, error: Exception | None) -> float:
    if isinstance(error, _AWAY):
        seconds = min(seconds, ABSENT_SECONDS)
    elif isinstance(error, (Gone, FutureVersion)):
        seconds = min(seconds, EXPIRED_SECONDS)
    return max(seconds, getattr(error, "retry_after", None) or 0.0)


def _gather(objects: dict[ObjectKey, Object], event: WatchEvent) -> None:
    if event.type == "BOOKMARK":
        raise Silent("a plain bookmark among initial events: the server does not stream lists")
    key = ObjectKey.of(event.object)
    if event.type == "DELETED":
        objects.pop(key, None)
    else:
        objects[key] = _slim(event.object)


def _slim(obj: Object) -> Object:
    obj["metadata"].pop("managedFields", None)
    return obj


def _is_same(one: Object | None, other: Object) -> bool:
    if one is None:
        return False
    a, b = one["metadata"], other["metadata"]
    return a["resourceVersion"] == b["resourceVersion"] and a.get("uid") == b.get("uid")


def _is_newer(version: str, than: str) -> bool:
    """Whether a resource version is later; one that is no decimal number cannot be compared and is taken for newer."""
    return not (version.isdecimal() and than.isdecimal()) or int(version) > int(than)
