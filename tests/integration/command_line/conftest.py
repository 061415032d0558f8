"""The command line, and a context with a past."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from kube.client import Api
from kube.kinds import (
    MCP_CONTEXT,
)
from tests.support.apiserver import ApiServer
from tests.support.command_line import Answer, Mcpfed
from tests.support.control_plane import declare, edit, propose, served, until


@pytest.fixture
def mcpfed_environment(apiserver: ApiServer) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(apiserver.kubeconfig)}


@pytest.fixture
def mcpfed(mcpfed_environment: dict[str, str]) -> Mcpfed:
    """Runs the command line."""

    async def run(*arguments: object) -> Answer:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli.main",
            *map(str, arguments),
            env=mcpfed_environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Answer(process.returncode or 0, out.decode(), err.decode())

    return run


@pytest.fixture
async def demo(plane: Api, namespace: str) -> str:
    """A context with three versions: a and b declared, a edited in the member, c declared instead of b."""
    await declare(plane, namespace, {"a": "1", "b": "1"})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    base = next(item["dot"] for item in first["spec"]["contextPayload"]["items"] if item["name"] == "a")
    await propose(plane, namespace, edit("a", "edited", 9_000, base=base))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c)["a"] == "edited")
    await declare(plane, namespace, {"a": "1", "c": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c).keys() == {"a", "c"})
    return f"{namespace}/demo"
