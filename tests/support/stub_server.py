"""A scripted HTTP server that stands for an API server in its worst moments."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from kube.client import Api
from kube.credentials import Access, Credentials
from kube.transport import Transport

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class StubServer:
    """Gives the answers in `script` in turn, then `default` for ever; remembers what was asked."""

    default: Answer
    script: list[Answer] = field(default_factory=list[Answer])
    requests: list[web.Request] = field(default_factory=list[web.Request])
    url: str = ""

    def asked(self, name: str, value: str) -> list[web.Request]:
        """The requests with this query parameter."""
        return [request for request in self.requests if request.query.get(name) == value]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answer = self.script.pop(0) if self.script else self.default
        return await answer(request)


@asynccontextmanager
async def serving(stub: StubServer) -> AsyncGenerator[StubServer]:
    """Runs the server on a free port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stub.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield stub
    finally:
        await runner.cleanup()


def client_of(url: str, sleep: Callable[[float], Awaitable[None]], timeout_seconds: float = 5.0) -> Api:
    """A client without credentials, whose waits are the test's own."""

    async def load() -> Access:
        return Access(url, None, True)

    return Api(Transport(Credentials(load), timeout_seconds, sleep))


def sends(body: Any, status: int = 200, **headers: str) -> Answer:
    """Answers with JSON."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def fails(status: int, reason: str, message: str = "no", **headers: str) -> Answer:
    """Answers with a metav1.Status."""
    return sends({"kind": "Status", "code": status, "reason": reason, "message": message}, status, **headers)


def streams(*lines: Any, cut: bool = False, tail: bytes = b"", hold: Awaitable[Any] | None = None) -> Answer:
    """Answers with a watch: JSON lines, then `tail`, then waits for `hold`; ends it well, or cuts the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines) + tail)
        if hold is not None:
            await hold
        if cut and request.transport is not None:
            request.transport.abort()
        return response

    return answer


def event(kind: str, name: str, version: int | str, **fields: Any) -> dict[str, Any]:
    """A watch event about an object in namespace `n`."""
    return {"type": kind, "object": obj(name, version, **fields)}


def obj(name: str, version: int | str, **fields: Any) -> dict[str, Any]:
    """An object in namespace `n`."""
    return {
        "metadata": {"namespace": "n", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)},
        **fields,
    }


def bookmark(version: int | str, *, end: bool = False) -> dict[str, Any]:
    """A bookmark; with `end`, the one that ends the initial events."""
    annotations = {"k8s.io/initial-events-end": "true"} if end else {}
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version), "annotations": annotations}}}


def listing(version: int | str, items: Iterable[dict[str, Any]] = (), token: str = "") -> dict[str, Any]:
    """A page of a list."""
    return {"metadata": {"resourceVersion": str(version), "continue": token}, "items": list(items)}
