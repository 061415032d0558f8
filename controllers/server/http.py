"""The server over HTTP: the MCP endpoint, probes, and an end that open streams do not delay."""

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import structlog
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controllers.server.reloader import Reloader
from kube.errors import ConfigurationError

PATH: Final = "/mcp"
GRACE_SECONDS: Final = 1
"""How long requests in progress may go on after the end was asked for."""

_log = structlog.get_logger(__name__)


def app_of(server: Server[dict[str, Any]], reloader: Reloader, hosts: list[str]) -> ASGIApp:
    """The ASGI application: `/mcp`, `/healthz` and `/readyz`.

    Args:
        server: the protocol's server.
        reloader: what the probes report.
        hosts: names that requests may be addressed to; others are refused, which stops DNS rebinding.
    """

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse(health(reloader))

    async def readyz(_: Request) -> JSONResponse:
        return JSONResponse({"ready": reloader.ready}, status_code=200 if reloader.ready else 503)

    forms = [form for host in hosts for form in (host, f"{host}:*")]
    return server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        transport_security=TransportSecuritySettings(
            allowed_hosts=forms,
            allowed_origins=[f"{scheme}://{form}" for form in forms for scheme in ("http", "https")],
        ),
        custom_starlette_routes=[Route("/healthz", healthz), Route("/readyz", readyz)],
    )


def health(reloader: Reloader) -> dict[str, Any]:
    """What is served and what is wrong, in names, numbers and digests."""
    contexts = {
        name: {
            "contextType": context.context_type,
            "version": context.version,
            "digest": context.digest,
            "items": len(context.items),
            "problems": context.problems,
        }
        for name, context in sorted(reloader.contexts.items())
    }
    return {"contexts": contexts, "failures": reloader.failures, "hidden": reloader.catalog.hidden}


class EndableStreams:
    """Ends the standing streams of clients (GET) when asked to, as if the clients had hung up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Ends all streams, and every later one at once."""
        self._ended.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        started = finished = False

        async def watched(message: Message) -> None:
            nonlocal started, finished
            started = started or message["type"] == "http.response.start"
            finished = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        await self._app(scope, self._until_end(receive), watched)
        if started and not finished:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _until_end(self, receive: Receive) -> Receive:
        async def receive_or_end() -> Message:
            message, ended = asyncio.ensure_future(receive()), asyncio.ensure_future(self._ended.wait())
            try:
                await asyncio.wait({message, ended}, return_when=asyncio.FIRST_COMPLETED)
                return message.result() if message.done() else {"type": "http.disconnect"}
            finally:
                message.cancel()
                ended.cancel()

        return receive_or_end


class _Uvicorn(uvicorn.Server):
    """Leaves signals to who runs it: uvicorn would raise them again after its end, and the exit code would be lost."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(app: ASGIApp, host: str, port: int, stop: asyncio.Event, end_streams: Callable[[], None]) -> None:
    """Serves until `stop` is set, then ends streams gracefully and returns.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    streams = EndableStreams(app)
    config = uvicorn.Config(
        streams,
        log_config=None,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Uvicorn(config)
    with _listening(host, port) as listener:
        _log.info("serving", url=f"http://{host}:{listener.getsockname()[1]}{PATH}")
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            end_streams()
            streams.end()
            server.should_exit = True
            await serving
            if not stop.is_set():
                raise RuntimeError("the HTTP server ended by itself; its log says why")
        finally:
            stopping.cancel()
            serving.cancel()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=1024)
        # Connections inherit it: an answer in two parts must not wait 40 ms for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}; set POD_IP or MCPFED_SERVER_PORT"
        ) from error
