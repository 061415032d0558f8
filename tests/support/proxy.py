"""A TCP proxy that can lose the network: cut connections, or lose what goes either way, or both, without a word."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import Enum, auto

_CHUNK = 65536


class Way(Enum):
    """Which way bytes go."""

    THERE = auto()
    """From the client to the server."""
    BACK = auto()
    """From the server to the client."""


class Proxy:
    """Stands between a client and a server on loopback."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        """Where clients connect."""
        self.carried = dict.fromkeys(Way, 0)
        """Bytes passed on so far."""
        self._target_port = target_port
        self._connections: set[_Connection] = set()
        self._frozen: set[Way] = set()
        self._refusing = False

    @property
    def url(self) -> str:
        """What a client has instead of the server's address."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._connections)

    def cut(self) -> None:
        """Resets every connection and every new one."""
        self._refusing = True
        self.drop()

    def drop(self) -> None:
        """Resets every connection; new ones are welcome."""
        for connection in self._connections:
            connection.reset()

    def freeze(self, *ways: Way) -> None:
        """Keeps connections open and accepts new ones, but passes nothing on, in these ways or at all."""
        self._frozen |= {*ways} or {*Way}
        for connection in self._connections:
            connection.freeze(self._frozen)

    def heal(self) -> None:
        """Passes everything on again; what was frozen arrives late, what was cut stays cut."""
        self._refusing = False
        self._frozen.clear()
        for connection in self._connections:
            connection.thaw()

    def forget(self) -> None:
        """Heals for new connections; present ones stay open and carry nothing any more, as when a NAT has lost them."""
        for connection in self._connections:
            connection.is_forgotten = True
            connection.freeze({*Way})
        self.heal()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries one connection."""
        if self._refusing:
            _reset(writer)
            return
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        connection = _Connection(writer, upstream_writer)
        connection.freeze(self._frozen)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(connection, Way.THERE, reader, upstream_writer))
                group.create_task(self._pump(connection, Way.BACK, upstream_reader, writer))
        finally:
            self._connections.discard(connection)

    async def _pump(
        self, connection: _Connection, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while True:
                chunk = await reader.read(_CHUNK)
                await connection.flowing[way].wait()
                if not chunk:
                    break
                writer.write(chunk)
                await writer.drain()
                self.carried[way] += len(chunk)
        except OSError:
            pass  # what goes the other way may be on its way still
        finally:
            writer.close()


class _Connection:
    """A client's connection and ours to the server."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.flowing = {way: asyncio.Event() for way in Way}
        self.is_forgotten = False
        self._writers = writers
        self.thaw()

    def freeze(self, ways: set[Way]) -> None:
        for way in ways:
            self.flowing[way].clear()

    def thaw(self) -> None:
        if not self.is_forgotten:
            for flowing in self.flowing.values():
                flowing.set()

    def reset(self) -> None:
        for writer in self._writers:
            _reset(writer)
        for flowing in self.flowing.values():  # what waits there sees that it is over
            flowing.set()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST, not FIN."""
    if not writer.is_closing():
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


@asynccontextmanager
async def proxied(target_port: int) -> AsyncGenerator[Proxy]:
    """A proxy on a free port for the time of the block."""
    proxy = Proxy(target_port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
