"""The reflector against a server that misbehaves in every way that servers have been seen to."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from aiohttp import web

from kube.kinds import CONFIG_MAP, Object, ObjectKey
from kube.reflector import Reflector
from tests.support.stub_server import (
    Answer,
    StubServer,
    bookmark,
    client_of,
    event,
    fails,
    listing,
    obj,
    sends,
    serving,
    streams,
)
from tests.support.waiting import eventually

A, B = ObjectKey("n", "a"), ObjectKey("n", "b")


@dataclass
class Collection:
    """What the server does with each kind of request; a watch beyond the script stays open and silent."""

    watches: list[Answer] = field(default_factory=list[Answer])
    lists: list[Answer] = field(default_factory=list[Answer])
    newest: int = 0
    end: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch"):
            script = self.watches.pop(0) if self.watches else streams(hold=self.end.wait())
            return await script(request)
        if request.query.get("limit") == "1":
            return await sends(listing(self.newest))(request)
        return await self.lists.pop(0)(request)


@dataclass
class Scene:
    """A reflector that follows a scripted collection; its waits are recorded and take no time."""

    stub: StubServer
    reflector: Reflector
    waits: list[float]
    changes: list[tuple[str, str | None, str | None]]

    def names(self) -> dict[str, str]:
        return {key.name: value["metadata"]["resourceVersion"] for key, value in self.reflector.cache.items()}

    def watched_from(self) -> list[str]:
        """The versions that watches began at; `all` for a streaming list."""
        watches = self.stub.asked("watch", "true")
        return ["all" if "sendInitialEvents" in w.query else w.query.get("resourceVersion", "") for w in watches]

    def lists(self) -> int:
        return len(self.stub.asked("limit", "500"))


@asynccontextmanager
async def following(
    collection: Collection, idle_seconds: float = 5.0, clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[Scene]:
    waits: list[float] = []
    changes: list[tuple[str, str | None, str | None]] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    def on_change(key: ObjectKey, old: Object | None, new: Object | None) -> None:
        versions = [None if one is None else one["metadata"]["resourceVersion"] for one in (old, new)]
        changes.append((key.name, versions[0], versions[1]))

    async with serving(StubServer(collection.answer)) as stub, client_of(stub.url, sleep) as api:
        reflector = Reflector(api, CONFIG_MAP, idle_seconds=idle_seconds, random=Random(0), clock=clock, sleep=sleep)
        reflector.subscribe(on_change)
        task = asyncio.create_task(reflector.run())
        try:
            yield Scene(stub, reflector, waits, changes)
        finally:
            collection.end.set()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 5)


def initial(*events: Any, at: int, then: tuple[Any, ...] = (), **how: Any) -> Answer:
    """A streaming list that is complete at a version, and what follows it."""
    return streams(*events, bookmark(at, end=True), *then, **how)


async def synced(scene: Scene) -> None:
    await asyncio.wait_for(scene.reflector.synced.wait(), 5)


async def test_the_initial_events_fill_the_cache_and_later_ones_change_it() -> None:
    later = (event("MODIFIED", "a", 6), event("ADDED", "c", 7), event("DELETED", "b", 8))
    first = initial(event("ADDED", "a", 3), event("ADDED", "b", 4), at=5, then=later)
    async with following(Collection([first])) as scene:
        await eventually(lambda: len(scene.changes) == 5)
        assert scene.names() == {"a": "6", "c": "7"}
        added = [("a", None, "3"), ("b", None, "4")]
        assert scene.changes == [*added, ("a", "3", "6"), ("c", None, "7"), ("b", "4", None)]
        assert scene.lists() == 0


async def test_nothing_is_synced_before_the_initial_events_are_complete() -> None:
    hold = asyncio.Event()
    async with following(Collection([streams(event("ADDED", "a", 3), hold=hold.wait())])) as scene:
        await eventually(lambda: scene.watched_from() == ["all"])
        assert not scene.reflector.synced.is_set()
        assert not scene.reflector.cache
        hold.set()


@pytest.mark.parametrize("refusal", [fails(400, "BadRequest"), fails(422, "Invalid")])
async def test_a_server_that_refuses_to_stream_a_list_is_asked_for_pages(refusal: Answer) -> None:
    pages = [sends(listing(9, [obj("a", 3)], "next")), sends(listing(9, [obj("b", 4)]))]
    async with following(Collection([refusal], pages)) as scene:
        await synced(scene)
        assert scene.names() == {"a": "3", "b": "4"}
        await eventually(lambda: scene.watched_from() == ["all", "9"])
        assert scene.stub.asked("continue", "next")


async def test_a_server_that_ignores_the_wish_for_a_streamed_list_is_asked_for_pages() -> None:
    ignoring = streams(event("ADDED", "a", 3), bookmark(5))
    async with following(Collection([ignoring], [sends(listing(9, [obj("a", 3)]))])) as scene:
        await synced(scene)
        await eventually(lambda: scene.watched_from() == ["all", "9"])


async def test_a_watch_that_the_server_ends_goes_on_at_the_version_of_the_last_bookmark() -> None:
    watches = [
        initial(event("ADDED", "a", 3), at=5, then=(bookmark(20),)),
        streams(event("MODIFIED", "a", 21)),
    ]
    async with following(Collection(watches, newest=25)) as scene:
        await eventually(lambda: len(scene.watched_from()) == 3)
        assert scene.watched_from() == ["all", "20", "21"]
        assert scene.names() == {"a": "21"}


GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


@pytest.mark.parametrize(
    "refusal",
    [
        fails(410, "Expired"),
        streams({"type": "ERROR", "object": GONE}),
        fails(504, "Timeout", "Too large resource version: 9, current: 3"),
    ],
    ids=["410", "ERROR event", "504 from the future"],
)
async def test_a_version_that_the_server_does_not_have_leads_to_a_new_list_and_only_differences_are_notified(
    refusal: Answer,
) -> None:
    watches = [
        initial(event("ADDED", "a", 3), event("ADDED", "b", 4), at=5),
        refusal,
        initial(event("ADDED", "a", 3), event("ADDED", "c", 30), at=31),
    ]
    async with following(Collection(watches, newest=31)) as scene:
        await eventually(lambda: len(scene.changes) == 4)
        assert scene.changes[2:] == [("b", "4", None), ("c", None, "30")]
        assert scene.watched_from()[:3] == ["all", "5", "all"]


async def test_a_store_that_is_behind_us_is_listed_anew_instead_of_watched_in_silence() -> None:
    watches = [initial(event("ADDED", "a", 300), at=500), initial(event("ADDED", "a", 100), at=200)]
    async with following(Collection(watches, newest=200)) as scene:
        await eventually(lambda: scene.names() == {"a": "100"})
        assert scene.watched_from()[:2] == ["all", "all"]


async def test_a_line_cut_in_the_middle_loses_nothing() -> None:
    watches = [
        initial(event("ADDED", "a", 3), at=5, tail=b'{"type":"MODIFIED","object":{"meta', cut=True),
        streams(event("MODIFIED", "a", 6)),
    ]
    async with following(Collection(watches, newest=6)) as scene:
        await eventually(lambda: scene.names() == {"a": "6"})
        assert scene.watched_from()[:2] == ["all", "5"]


async def test_a_connection_that_dies_in_the_initial_events_leaves_the_cache_as_it_was() -> None:
    watches = [streams(event("ADDED", "a", 3), cut=True), initial(event("ADDED", "b", 4), at=5)]
    async with following(Collection(watches)) as scene:
        await synced(scene)
        assert scene.changes == [("b", None, "4")]


async def test_a_half_open_watch_is_given_up_after_the_idle_time() -> None:
    hold = asyncio.Event()
    watches = [
        initial(event("ADDED", "a", 3), at=5, hold=hold.wait()),
        streams(event("MODIFIED", "a", 6), hold=hold.wait()),
    ]
    async with following(Collection(watches, newest=5), idle_seconds=0.2) as scene:
        await eventually(lambda: scene.names() == {"a": "6"})
        assert scene.watched_from()[:2] == ["all", "5"]
        hold.set()


async def test_the_server_s_wish_to_be_left_alone_is_respected() -> None:
    watches = [fails(429, "TooManyRequests", Retry_After="7"), initial(at=5)]
    async with following(Collection(watches)) as scene:
        await synced(scene)
        assert scene.waits[0] == 7


async def test_a_server_that_fails_every_request_is_asked_ever_less_often() -> None:
    storm = [fails(410, "Expired")] * 60
    async with following(Collection(list(storm))) as scene:
        await eventually(lambda: len(scene.waits) >= 60)
        # One request for each wait, and the waits grow: 60 requests in no less than minutes.
        assert len(scene.stub.requests) <= len(scene.waits) + 2
        assert sum(scene.waits[:60]) > 120
        assert max(scene.waits) <= 30


@pytest.mark.parametrize(
    "absence",
    [
        fails(404, "NotFound"),
        fails(403, "Forbidden"),
        fails(429, "TooManyRequests"),
        fails(503, "ServiceUnavailable"),
        streams(cut=True),
    ],
)
async def test_a_server_or_kind_that_is_absent_is_found_soon_after_it_appears(absence: Answer) -> None:
    async with following(Collection([*[absence] * 40, initial(at=5)])) as scene:
        await synced(scene)
        assert max(scene.waits[:40]) == 2


async def test_a_server_that_ends_every_watch_at_once_is_not_asked_in_a_hot_loop() -> None:
    watches = [initial(at=5), *[streams() for _ in range(60)]]
    async with following(Collection(watches, newest=5)) as scene:
        await eventually(lambda: len(scene.waits) >= 60)
        assert sum(scene.waits[:60]) > 120


async def test_a_watch_that_ends_well_after_a_while_is_followed_by_the_next_without_a_pause() -> None:
    watches = [initial(at=5), *[streams(bookmark(6 + number)) for number in range(20)]]
    moments = itertools.count(0, 11)
    async with following(Collection(watches, newest=100), clock=lambda: next(moments)) as scene:
        await eventually(lambda: len(scene.watched_from()) == 22)
        assert scene.waits == []


async def test_a_collection_is_listed_anew_from_time_to_time_in_case_a_watch_lost_something() -> None:
    watches = [initial(event("ADDED", "a", 3), at=5), initial(at=6)]
    half_hours = itertools.count(0, 1000)
    async with following(Collection(watches, newest=6), clock=lambda: next(half_hours)) as scene:
        await eventually(lambda: scene.changes == [("a", None, "3"), ("a", "3", None)])
        assert scene.watched_from()[:2] == ["all", "all"]


async def test_a_duplicate_event_is_not_notified_again() -> None:
    twice = (event("MODIFIED", "a", 6), event("MODIFIED", "a", 6), event("ADDED", "b", 7))
    async with following(Collection([initial(event("ADDED", "a", 3), at=5, then=twice)])) as scene:
        await eventually(lambda: len(scene.changes) == 3)
        assert scene.changes == [("a", None, "3"), ("a", "3", "6"), ("b", None, "7")]


async def test_an_older_event_never_takes_an_object_back() -> None:
    swapped = (event("MODIFIED", "a", 8), event("MODIFIED", "a", 7), event("ADDED", "b", 9))
    async with following(Collection([initial(event("ADDED", "a", 3), at=5, then=swapped)])) as scene:
        await eventually(lambda: B in scene.reflector.cache)
        assert scene.names() == {"a": "8", "b": "9"}


async def test_an_event_that_could_bring_back_a_deleted_object_leads_to_a_new_list() -> None:
    swapped = (event("DELETED", "a", 8), event("MODIFIED", "a", 7))
    watches = [initial(event("ADDED", "a", 3), at=5, then=swapped), initial(at=9)]
    async with following(Collection(watches, newest=9)) as scene:
        await eventually(lambda: scene.watched_from()[:2] == ["all", "all"])
        assert ("a", None, "7") not in scene.changes
        assert scene.names() == {}


async def test_what_a_write_returned_is_seen_at_once_and_not_notified_again_by_the_watch() -> None:
    hold = asyncio.Event()

    async def rest(request: web.Request) -> web.StreamResponse:
        await hold.wait()
        return await streams(event("MODIFIED", "a", 6), event("MODIFIED", "a", 7), event("ADDED", "b", 8))(request)

    watches = [initial(event("ADDED", "a", 3), at=5), rest]
    async with following(Collection(watches, newest=5)) as scene:
        await eventually(lambda: len(scene.watched_from()) == 2)
        scene.reflector.observe(obj("a", 7))
        assert scene.names() == {"a": "7"}
        hold.set()
        await eventually(lambda: B in scene.reflector.cache)
        assert scene.changes == [("a", None, "3"), ("a", "3", "7"), ("b", None, "8")]


async def test_what_a_write_returned_is_ignored_once_the_watch_is_past_it() -> None:
    gone = initial(event("ADDED", "a", 3), at=5, then=(event("DELETED", "a", 9),))
    async with following(Collection([gone], newest=9)) as scene:
        await eventually(lambda: len(scene.changes) == 2)
        scene.reflector.observe(obj("a", 8))
        assert scene.names() == {}


async def test_managed_fields_are_not_kept() -> None:
    heavy = event("ADDED", "a", 3)
    heavy["object"]["metadata"]["managedFields"] = [{"manager": "x"}]
    async with following(Collection([initial(heavy, at=5)])) as scene:
        await synced(scene)
        assert "managedFields" not in scene.reflector.cache[A]["metadata"]


async def test_a_subscriber_that_fails_stops_neither_the_watch_nor_the_others() -> None:
    def broken(key: ObjectKey, old: Object | None, new: Object | None) -> None:
        raise RuntimeError("boom")

    hold = asyncio.Event()
    watches = [initial(event("ADDED", "a", 3), at=5), streams(event("ADDED", "b", 6), hold=hold.wait())]
    async with following(Collection(watches, newest=5)) as scene:
        await synced(scene)
        scene.reflector.subscribe(broken)
        await eventually(lambda: B in scene.reflector.cache)
        hold.set()


async def test_a_late_subscriber_is_notified_what_is_there() -> None:
    async with following(Collection([initial(event("ADDED", "a", 3), at=5)])) as scene:
        await synced(scene)
        notified: list[ObjectKey] = []
        scene.reflector.subscribe(lambda key, old, new: notified.append(key))
        assert notified == [A]


async def test_the_cache_cannot_be_written_to() -> None:
    async with following(Collection([initial(at=5)])) as scene:
        await synced(scene)
        with pytest.raises(TypeError):
            scene.reflector.cache[A] = {}  # type: ignore[index]


async def test_a_writer_can_wait_until_the_cache_holds_all_that_came_before_its_write() -> None:
    hold = asyncio.Event()

    async def rest(request: web.Request) -> web.StreamResponse:
        await hold.wait()
        return await streams(event("ADDED", "a", 6), event("ADDED", "b", 7))(request)

    async with following(Collection([initial(at=5), rest], newest=5)) as scene:
        await synced(scene)
        await scene.reflector.reached("5", 0.1)
        with pytest.raises(TimeoutError):
            await scene.reflector.reached("7", 0.01)
        waiting = [asyncio.create_task(scene.reflector.reached(version, 5)) for version in ("6", "7")]
        hold.set()
        await asyncio.gather(*waiting)
        assert scene.names() == {"a": "6", "b": "7"}
