"""How a plugin process lives: it serves gRPC on a free loopback port, prints the port, and ends with the engine."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import grpc

from fleet.pulumi_plugins.messages import Message, any_pb2, status_pb2

_grpc: Any = grpc

PARENT_CHECK_SECONDS: Final = 1.0
"""How long a plugin may outlive an engine that was killed without a chance to say so."""

MAX_CALLS: Final = 256
"""Calls served at once; more wait. A call that waits for an object to become ready holds its place."""

UNLIMITED: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
"""Channel options: a large object is refused by the API server, with a clear message, not by the transport."""


class Failure(Exception):
    """What a call answers instead of a result: a text for the user and, where the protocol has one, a message."""

    def __init__(self, text: str, detail: Message | None = None) -> None:
        super().__init__(text)
        self.detail = detail


class _Status(NamedTuple):
    """What grpc takes as the status of a failed call that carries details."""

    code: Any
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def servicer(base: type[Any], handler: Any, expected: tuple[type[Exception], ...]) -> Any:
    """Make a gRPC servicer of an object whose methods are named as the calls, in lower case with underscores.

    Args:
        base: The generated servicer class.
        handler: Its public methods take (request, context); one that raises fails the call with the error's text.
        expected: Errors that are part of normal operation; any other also leaves a traceback in the plugin's output.
    """
    names = [name for name in dir(handler) if not name.startswith("_")]
    calls = {_call_name(name): staticmethod(_answering(getattr(handler, name), expected)) for name in names}
    return type(base.__name__, (base,), calls)()


def _call_name(method: str) -> str:
    return "".join(part.capitalize() for part in method.split("_"))


def _answering(method: Callable[[Any, Any], Any], expected: tuple[type[Exception], ...]) -> Callable[[Any, Any], Any]:
    def answer(request: Message, context: Any) -> Any:
        try:
            return method(request, context)
        except Exception as error:
            failure = error
        if not isinstance(failure, (Failure, *expected)):
            traceback.print_exception(failure)
        return context.abort_with_status(_status(failure))

    return answer


def _status(error: Exception) -> _Status:
    code = _grpc.StatusCode.UNKNOWN
    text = str(error) or type(error).__name__
    detail = error.detail if isinstance(error, Failure) else None
    if detail is None:
        return _Status(code, text, ())
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=code.value[0], message=text, details=[packed])
    return _Status(code, text, (("grpc-status-details-bin", status.SerializeToString()),))


def serve(add: Callable[[Any], None], stop: Callable[[], None]) -> None:
    """Serve until the engine interrupts this process or is gone; does not return.

    Args:
        add: Adds the plugin's servicer to the server.
        stop: Ends what the plugin still does; called once, before the process exits.
    """
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _signal, _frame: ended.set())
    engine = os.getppid()
    server = _grpc.server(ThreadPoolExecutor(max_workers=MAX_CALLS), options=UNLIMITED)
    add(server)
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while not ended.wait(PARENT_CHECK_SECONDS) and os.getppid() == engine:
        pass
    stop()
    os._exit(0)  # calls may still hold threads; the engine has stopped listening


def channel(address: str) -> Any:
    """Open a channel to the engine at `host:port`."""
    return _grpc.insecure_channel(address, options=UNLIMITED)
