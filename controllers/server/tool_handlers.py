"""How tools answer: a static result, a Python function, or an HTTP endpoint."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import aiohttp
import structlog
from pydantic import BaseModel

from api.item import ItemContent
from controllers.server import python_module, wire

HTTP_SECONDS: Final = 30.0
HTTP_MAX_BYTES: Final = 1024 * 1024
DEFAULT_ENTRYPOINT: Final = "run"

Result = dict[str, Any]
"""A CallToolResult as JSON."""
Handler = Callable[[dict[str, Any]], Awaitable[Result]]
"""Arguments to result; a failure is a result with `isError`."""

_log = structlog.get_logger(__name__)


def handler_of(name: str, content: ItemContent, *, allow_python: bool) -> Handler:
    """The handler that a tool's content asks for.

    Raises:
        ValueError: it asks for none that there is, or for one that cannot work.
    """
    if content.handler is None:
        return _always(failure(f"Tool {name!r} is declared here, but has no handler: nothing answers its calls."))
    (kind, said), *more = content.handler.items() or [("", None)]
    if more or not isinstance(said, dict):
        raise ValueError("handler: exactly one of static, python and http, an object")
    settings = cast("dict[str, Any]", said)
    match kind:
        case "static":
            return _static(settings)
        case "python":
            return _python(name, content.text, settings, allow_python=allow_python)
        case "http":
            return _http(name, settings)
        case _:
            raise ValueError("handler: neither static nor python nor http")


def failure(text: str) -> Result:
    """A result by which the model learns what went wrong."""
    return {"content": [{"type": "text", "text": text}], "isError": True}


def _always(result: Result) -> Handler:
    async def handle(_: dict[str, Any]) -> Result:
        return result

    return handle


def _static(handler: dict[str, Any]) -> Handler:
    if wrong := wire.check("tools/call", handler):
        raise ValueError(f"handler.static: {wrong[0]}")
    return _always(handler)


def _python(name: str, source: str | None, handler: dict[str, Any], *, allow_python: bool) -> Handler:
    entrypoint: object = handler.get("entrypoint", DEFAULT_ENTRYPOINT)
    if not isinstance(entrypoint, str):
        raise ValueError("handler.python.entrypoint: not a function's name")
    if source is None:
        raise ValueError(f"handler.python: there is no tools/{name}.py")
    if not allow_python:
        return _always(failure(f"Tool {name!r} is a Python module; this server runs none (MCPFED_ALLOW_PYTHON=1)."))
    function = python_module.load(name, source, entrypoint)

    async def handle(arguments: dict[str, Any]) -> Result:
        try:
            return _as_result(await python_module.call(function, arguments))
        except TimeoutError as error:
            return _failed(name, error, f"no answer in time ({error or python_module.CALL_SECONDS})")
        except Exception as error:
            return _failed(name, error, f"{type(error).__name__}: {error}")

    return handle


def _http(name: str, handler: dict[str, Any]) -> Handler:
    url, method = handler.get("url"), handler.get("method", "POST")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ValueError("handler.http.url: not a URL that starts with http:// or https://")
    if method not in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        raise ValueError("handler.http.method: not one of GET, POST, PUT, PATCH, DELETE")

    async def handle(arguments: dict[str, Any]) -> Result:
        try:
            return await _ask(str(method), url, arguments)
        except (aiohttp.ClientError, TimeoutError, UnicodeError, ValueError) as error:
            return _failed(name, error, f"{method} failed: {type(error).__name__}")

    return handle


async def _ask(method: str, url: str, arguments: dict[str, Any]) -> Result:
    timeout = aiohttp.ClientTimeout(total=HTTP_SECONDS)
    parameters = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    body: dict[str, Any] = {"params": parameters} if method == "GET" else {"json": arguments}
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url, allow_redirects=False, **body) as response,
    ):
        data = await response.content.read(HTTP_MAX_BYTES + 1)
        while len(data) <= HTTP_MAX_BYTES and (more := await response.content.read(HTTP_MAX_BYTES)):
            data += more
        if len(data) > HTTP_MAX_BYTES:
            return failure(f"The endpoint answered with more than {HTTP_MAX_BYTES} bytes.")
        text = data.decode(response.charset or "utf-8")
        if not 200 <= response.status < 300:
            return failure(f"The endpoint answered {response.status}: {text[:1000]}")
        return _as_result(json.loads(text) if response.content_type.endswith("json") else text)


def _as_result(value: object) -> Result:
    """The result for what a handler returned: text, any JSON value, or a CallToolResult."""
    if isinstance(value, BaseModel):
        value = cast("object", value.model_dump(mode="json", by_alias=True, exclude_none=True))
    if isinstance(value, str):
        return {"content": [{"type": "text", "text": value}]}
    if isinstance(value, dict):
        value = cast("Result", value)
        if not isinstance(value.get("content"), list):
            value = {"content": [{"type": "text", "text": json.dumps(value)}], "structuredContent": value}
        wrong = wire.check("tools/call", value)
        return failure(f"The handler returned no valid result: {wrong[0]}") if wrong else value
    return {"content": [{"type": "text", "text": json.dumps(value)}]}


def _failed(name: str, error: BaseException, text: str) -> Result:
    _log.warning("tool failed", tool=name, error=type(error).__name__)
    return failure(f"Tool {name!r}: {text}")
