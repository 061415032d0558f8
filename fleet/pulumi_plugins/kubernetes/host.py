"""Messages to the user through the engine."""

from contextlib import suppress
from typing import Any

import grpc

from fleet.pulumi_plugins.messages import engine_pb2, engine_pb2_grpc
from fleet.pulumi_plugins.serving import channel


class Host:
    """The engine that started this plugin; until its address is known, messages are dropped."""

    def __init__(self) -> None:
        self._engine: Any = None

    def connect(self, address: str) -> None:
        """Send messages to the engine at `host:port`."""
        self._engine = engine_pb2_grpc.EngineStub(channel(address))

    def status(self, urn: str, text: str) -> None:
        """Show what an object is waiting for; the next status replaces it."""
        self._log(urn, text, engine_pb2.INFO, ephemeral=True)

    def warn(self, urn: str, text: str) -> None:
        """Show a warning that stays."""
        self._log(urn, text, engine_pb2.WARNING, ephemeral=False)

    def _log(self, urn: str, text: str, severity: int, ephemeral: bool) -> None:
        if self._engine is None:
            return
        with suppress(grpc.RpcError):  # the engine is ending: nobody reads it
            self._engine.Log(engine_pb2.LogRequest(urn=urn, message=text, severity=severity, ephemeral=ephemeral))
