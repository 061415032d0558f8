"""HTTP to one API server: session, credentials, deadlines, and retries when the server asks for them."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from kube import metrics
from kube.credentials import Access, Credentials
from kube.errors import ApiError, ServiceUnavailable, Silent, TooManyRequests, Unreachable, from_answer

JSON = "application/json"

_ATTEMPTS = 5
_MAX_RETRY_AFTER_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_KEEPALIVE_SECONDS = 60.0
"""Less than the 90 s after which an API server closes an idle connection, so that no write meets a closing one."""
_READ_BUFFER_BYTES = 256 * 1024
"""What may wait unread on a connection before the server is held back."""


class Transport:
    """Requests in bytes and JSON; failures as ApiError, Unreachable or ConfigurationError.

    Every failure's message begins with the caller's label of the request, never with what was sent.
    """

    def __init__(
        self,
        credentials: Credentials,
        timeout_seconds: float = 30.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._credentials = credentials
        self._timeout = timeout_seconds
        self._sleep = sleep
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes the connections; harmless when done twice."""
        if self._opened is not None:
            await self._opened.close()

    async def call(
        self,
        label: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str],
        content_type: str = JSON,
    ) -> Any:
        """One request and its decoded answer, None if empty; sent again a few times while the server asks for that."""
        raw = None if body is None else msgspec.json.encode(body)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = await self._answer(label, method, path, raw, query, content_type)
                return msgspec.json.decode(answer) if answer else None
            except (TooManyRequests, ServiceUnavailable) as error:
                if error.retry_after is None or attempt == _ATTEMPTS:
                    raise
                await self._sleep(min(error.retry_after, _MAX_RETRY_AFTER_SECONDS))
            except msgspec.DecodeError as error:
                raise Unreachable(f"{label}: the answer is not JSON: {error}") from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def stream(
        self, label: str, path: str, query: Mapping[str, str], idle_seconds: float
    ) -> AsyncGenerator[bytes]:
        """The chunks of an answer without an end; Silent if nothing comes for the idle time.

        A reader that is slow holds the server back, and a server that is held back too long ends the stream: what waits
        in memory is bounded.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=idle_seconds)
        try:
            async with await self._open("GET", path, None, query, JSON, timeout) as response:
                if response.status >= 400:
                    raise await _failure(label, response)
                try:
                    async for chunk in response.content.iter_any():
                        yield chunk
                finally:
                    _hang_up(response)
        except aiohttp.SocketTimeoutError as error:
            raise Silent(f"{label}: nothing came for {idle_seconds:.0f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{label}: {_cause(error)}") from error

    async def _answer(
        self, label: str, method: str, path: str, raw: bytes | None, query: Mapping[str, str], content_type: str
    ) -> bytes:
        timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=_CONNECT_SECONDS)
        try:
            async with await self._open(method, path, raw, query, content_type, timeout) as response:
                if response.status >= 400:
                    raise await _failure(label, response)
                return await response.read()
        except TimeoutError as error:
            raise Unreachable(f"{label}: no answer within {self._timeout:.0f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{label}: {_cause(error)}") from error

    async def _open(
        self,
        method: str,
        path: str,
        raw: bytes | None,
        query: Mapping[str, str],
        content_type: str,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  a set of deadlines, one per phase
    ) -> aiohttp.ClientResponse:
        """An answer's head; asked once more with fresh credentials if the server refuses the present ones."""

        async def send(access: Access) -> aiohttp.ClientResponse:
            headers = {"Accept": JSON}
            if access.authorization:
                headers["Authorization"] = access.authorization
            if raw is not None:
                headers["Content-Type"] = content_type
            return await self._session.request(
                method,
                URL(access.server + path, encoded=True).update_query({k: v for k, v in query.items() if v}),
                # A file, not bytes: aiohttp would hold up the event loop to write a large one at once.
                data=None if raw is None else io.BytesIO(raw),
                headers=headers,
                timeout=timeout,
                ssl=access.tls,
                server_hostname=access.server_name,
                proxy=access.proxy,
                allow_redirects=False,
            )

        access = await self._credentials.current()
        response = await _measured(method, access.server, send(access))
        if response.status == 401:
            response.release()
            access = await self._credentials.renew(access)
            response = await _measured(method, access.server, send(access))
        return response

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                # No limit: every watch keeps a connection, and the callers' workers bound the rest.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "mcpfed-runtime"},
                read_bufsize=_READ_BUFFER_BYTES,
            )
        return self._opened


async def _measured(method: str, server: str, exchange: Awaitable[aiohttp.ClientResponse]) -> aiohttp.ClientResponse:
    host, started, code = urlsplit(server).netloc, time.perf_counter(), "<error>"
    try:
        response = await exchange
        code = str(response.status)
        return response
    finally:
        metrics.REQUESTS.labels(code=code, method=method, host=host).inc()
        metrics.REQUEST_SECONDS.labels(verb=method, host=host).observe(time.perf_counter() - started)


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Drops the connection of an answer that has not ended: closing TLS in order would outlast the session."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


async def _failure(label: str, response: aiohttp.ClientResponse) -> ApiError:
    return from_answer(label, response.status, await response.read(), _retry_after(response))


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    value = response.headers.get("Retry-After", "")
    # The other form, a date, is not sent by API servers.
    return float(value) if value.isdecimal() else None


def _cause(error: Exception) -> str:
    """What went wrong, without the client library's wrapping."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{error.host}:{error.port}: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{error.host}:{error.port}: {error.os_error.strerror or error.os_error}"
    return f"{error}" or type(error).__name__
