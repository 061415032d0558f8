"""The client against a server that fails, stalls and sheds load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from kube.client import Api
from kube.errors import ApiError, NotFound, ServiceUnavailable, Silent, TooManyRequests, Unreachable
from kube.kinds import CONFIG_MAP, POD
from tests.support.apiserver import free_ports
from tests.support.stub_server import Answer, StubServer, client_of, fails, listing, obj, sends, serving, streams

MAP = {"metadata": {"namespace": "n", "name": "a"}, "data": {"k": "a secret"}}


@asynccontextmanager
async def answering(
    *script: Answer, timeout_seconds: float = 5.0
) -> AsyncGenerator[tuple[Api, StubServer, list[float]]]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    stub = StubServer(fails(500, "InternalError", "the script has ended"), list(script))
    async with serving(stub), client_of(stub.url, sleep, timeout_seconds) as api:
        yield api, stub, waits


async def test_a_request_is_repeated_when_the_server_says_when() -> None:
    busy = fails(429, "TooManyRequests", Retry_After="2")
    async with answering(busy, fails(503, "ServiceUnavailable", Retry_After="1"), sends(obj("a", 3))) as (
        api,
        _,
        waits,
    ):
        assert await api.get(CONFIG_MAP, "n", "a") == obj("a", 3)
        assert waits == [2, 1]


async def test_a_request_is_repeated_a_bounded_number_of_times_and_never_waits_for_long() -> None:
    busy = fails(429, "TooManyRequests", Retry_After="3600")
    async with answering(*[busy] * 9) as (api, stub, waits):
        with pytest.raises(TooManyRequests):
            await api.create(CONFIG_MAP, MAP)
        assert len(stub.requests) == 5
        assert waits == [10] * 4


async def test_a_failure_without_a_time_to_come_back_is_left_to_the_caller() -> None:
    async with answering(fails(503, "ServiceUnavailable")) as (api, stub, _):
        with pytest.raises(ServiceUnavailable):
            await api.get(CONFIG_MAP, "n", "a")
        assert len(stub.requests) == 1


async def test_an_answer_that_does_not_come_ends_at_the_deadline() -> None:
    never = asyncio.Event()
    async with answering(streams(hold=never.wait()), timeout_seconds=0.1) as (api, _, _):
        with pytest.raises(Unreachable, match="GET ConfigMap n/a: no answer within 0 s"):
            await api.get(CONFIG_MAP, "n", "a")
        never.set()


async def test_a_server_that_is_not_there_is_named() -> None:
    (port,) = free_ports(1)
    async with client_of(f"http://127.0.0.1:{port}", asyncio.sleep) as api:
        with pytest.raises(Unreachable, match=f"GET Pod n/a: 127.0.0.1:{port}: "):
            await api.get(POD, "n", "a")


async def test_a_body_that_is_cut_off_is_no_answer() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"metadata":')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with answering(cut) as (api, _, _):
        with pytest.raises(Unreachable, match="POST ConfigMap n/a"):
            await api.create(CONFIG_MAP, MAP)


async def test_what_was_sent_is_in_no_message() -> None:
    async with answering(fails(409, "Conflict", "changed"), fails(422, "Invalid", "bad")) as (api, _, _):
        for write in (api.create(CONFIG_MAP, MAP), api.apply(CONFIG_MAP, MAP, "mcpfed-test")):
            with pytest.raises(ApiError) as caught:
                await write
            assert "n/a" in str(caught.value)
            assert "secret" not in str(caught.value)


async def test_a_missing_object_is_none_but_a_kind_that_is_not_served_is_an_error() -> None:
    async def no_such_path(_: web.Request) -> web.Response:
        return web.Response(status=404, text="404 page not found\n")

    async with answering(fails(404, "NotFound"), no_such_path, fails(404, "NotFound"), no_such_path) as (api, _, _):
        assert await api.get(CONFIG_MAP, "n", "a") is None
        with pytest.raises(NotFound):
            await api.get(CONFIG_MAP, "n", "a")
        assert await api.delete(CONFIG_MAP, "n", "a") is False
        with pytest.raises(NotFound):
            await api.delete(CONFIG_MAP, "n", "a")


async def test_a_list_whose_continuation_has_expired_is_read_again_in_one_piece() -> None:
    whole = sends(listing(20, [obj("a", 3), obj("b", 9)]))
    async with answering(sends(listing(5, [obj("a", 3)], "next")), fails(410, "Expired"), whole) as (api, stub, _):
        assert [item["metadata"]["name"] for item in await api.list(CONFIG_MAP, "n")] == ["a", "b"]
        assert [request.query.get("limit") for request in stub.requests] == ["500", "500", None]


async def test_items_of_a_list_say_what_they_are() -> None:
    async with answering(sends(listing(5, [obj("a", 3)]))) as (api, _, _):
        (item,) = await api.list(CONFIG_MAP)
        assert (item["apiVersion"], item["kind"]) == ("v1", "ConfigMap")


async def test_an_empty_list_may_be_null() -> None:
    async with answering(sends({"metadata": {"resourceVersion": "5"}, "items": None})) as (api, _, _):
        assert await api.list(CONFIG_MAP) == []


async def test_a_silent_watch_ends_after_the_idle_time() -> None:
    never = asyncio.Event()
    async with answering(streams(hold=never.wait())) as (api, _, _):
        with pytest.raises(Silent, match="WATCH ConfigMap n: nothing came"):
            await anext(api.watch(CONFIG_MAP, "n", idle_seconds=0.1))
        never.set()


async def test_closing_twice_is_harmless() -> None:
    async with answering(sends(obj("a", 3))) as (api, _, _):
        await api.get(CONFIG_MAP, "n", "a")
        await api.close()
        await api.close()
