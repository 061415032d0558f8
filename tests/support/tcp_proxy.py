"""A TCP proxy between a client and a server, for faults on the line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator


class TcpProxy:
    """A line on loopback that can be cut or made to lose everything, and healed.

    Cut: connections end, and new ones end as soon as they are made. Mute: connections stay and new ones are accepted,
    but nothing comes through until the line is healed.
    """

    def __init__(self, target: str) -> None:
        """A line to an `https://<host>:<port>`."""
        self._host, self._port = target.removeprefix("https://").split(":")
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self.url = ""
        """Where to connect instead of the target."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[TcpProxy]:
        """Listens, and ends all connections at the end."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self.heal()
            self.cut()
            await server.wait_closed()

    def cut(self) -> None:
        """Ends all connections, and each new one."""
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mute(self) -> None:
        """Holds everything back that is sent from now on."""
        self._flows.clear()

    def heal(self) -> None:
        """Lets connections be made and everything flow again."""
        self._is_cut = False
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
        pair = {writer, far_writer}
        self._open |= pair
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._open -= pair

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
