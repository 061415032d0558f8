"""One more federation controller, as a process of the test's own, with the credential of the one that is deployed."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from api.names import SYSTEM_NAMESPACE
from fleet.layout import REPOSITORY
from fleet.state import CONTROL_PLANE, HOST
from kube.kinds import SECRET
from tests.support.fleet import LocalFleet

_STOP_SECONDS = 30.0


@asynccontextmanager
async def second_instance(fleet: LocalFleet, url: str, directory: Path) -> AsyncGenerator[Path]:
    """Runs one that reaches the control plane at `url`, for the time of the block; gives its log."""
    async with await fleet.api(HOST) as host:
        secret = await host.get(SECRET, SYSTEM_NAMESPACE, "mcpfed-control-plane")
    assert secret is not None
    for name, value in secret["data"].items():
        (directory / name).write_bytes(base64.b64decode(value))
    (directory / "server").write_text(url)
    environment = {
        **os.environ,
        "MCPFED_CONTROL_PLANE": str(directory),
        "MCPFED_CONTROL_PLANE_ENDPOINT": fleet.state.clusters[CONTROL_PLANE].server,
        "PORT": "0",
    }
    log = directory / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "controllers.federation"),
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield log
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
