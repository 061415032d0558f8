"""The language host's process: it serves gRPC on a free loopback port, prints the port, and ends with the engine."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import grpc

from fleet.language_host.host import LanguageHost
from fleet.language_host.protocol import language_pb2_grpc

_grpc: Any = grpc

ENGINE_CHECK_SECONDS: Final = 1.0
"""How long the process may outlive an engine that was killed without a chance to say so."""

MAX_CALLS: Final = 64
"""Calls served at once; more wait. One that runs a program or a policy pack holds its place until that ends."""

UNLIMITED: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def main(arguments: Sequence[str]) -> None:
    """Serve until the engine interrupts this process or is gone; does not return.

    Args:
        arguments: The path of `pulumi-language-python-exec`, and what the engine adds: its address comes last.

    Raises:
        FileNotFoundError: There is no such file.
    """
    executor, *added = arguments
    if not Path(executor).is_file():
        raise FileNotFoundError(f"Pulumi's pulumi-language-python-exec is not at {executor}: run `make up` again.")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _signal, _frame: ended.set())
    engine = os.getppid()
    host = LanguageHost(added[-1] if added else "", Path(executor))
    server = _server(host)
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while not ended.wait(ENGINE_CHECK_SECONDS) and os.getppid() == engine:
        pass
    host.cancel(None, None)
    os._exit(0)  # calls may still hold threads; the engine has stopped listening


def _server(host: LanguageHost) -> Any:
    """A server of the host's calls: RunPlugin is its method `run_plugin`, and so on."""
    names = [name for name in dir(host) if not name.startswith("_")]
    calls = {"".join(part.capitalize() for part in name.split("_")): getattr(host, name) for name in names}
    methods = {call: staticmethod(method) for call, method in calls.items()}
    servicer = type("LanguageRuntime", (language_pb2_grpc.LanguageRuntimeServicer,), methods)
    server = _grpc.server(ThreadPoolExecutor(MAX_CALLS), options=UNLIMITED)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(servicer(), server)
    return server


if __name__ == "__main__":
    main(sys.argv[1:])
