"""Carries out a probe's action once."""

import asyncio

import aiohttp

from fleet.node.probes import Action, Exec, HttpGet, TcpSocket
from fleet.node.process import Process


async def check(action: Action, timeout_seconds: float, process: Process, http: aiohttp.ClientSession) -> bool:
    """Whether the action succeeds in time.

    Args:
        action: what to do.
        timeout_seconds: taking longer is a failure.
        process: the container's process, in which an `Exec` runs.
        http: session for `HttpGet`; certificates are not verified, as the kubelet does not.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _attempt(action, process, http)
    except (TimeoutError, OSError, aiohttp.ClientError):
        return False


async def _attempt(action: Action, process: Process, http: aiohttp.ClientSession) -> bool:
    match action:
        case HttpGet(url, headers):
            async with http.get(url, headers=list(headers), ssl=False, allow_redirects=False) as answer:
                return 200 <= answer.status < 400
        case TcpSocket(host, port):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return True
        case Exec(command):
            return await process.execute(command) == 0
