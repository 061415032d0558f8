"""A TCP proxy that can lose the network: cut connections, or let them hang half-open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_CHUNK = 65536


class Proxy:
    """Stands between a client and a server on loopback."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        """Where clients connect."""
        self._target_port = target_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """What a client has instead of the server's address."""
        return f"https://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Resets every connection and every new one."""
        self._refusing = True
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Keeps connections open and accepts new ones, but passes nothing on."""
        self._flowing.clear()

    def heal(self) -> None:
        """Passes everything on again; what was frozen arrives late, what was cut stays cut."""
        self._refusing = False
        self._flowing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries one connection."""
        if self._refusing:
            writer.transport.abort()
            return
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers |= {writer, upstream_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, upstream_writer))
                group.create_task(self._pump(upstream_reader, writer))
        except* OSError:
            pass
        finally:
            self._writers -= {writer, upstream_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                await self._flowing.wait()
                writer.write(chunk)
                await writer.drain()
        finally:
            writer.close()


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
        proxy.heal()
        proxy.cut()
        await server.wait_closed()
