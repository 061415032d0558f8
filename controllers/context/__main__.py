"""`python -m controllers.context`: the context controller of the member that its pod runs in."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from controllers.context.service import ContextController
from kube.client import Api
from kube.errors import ConfigurationError
from kube.process import run
from kube.telemetry import TelemetryServer, configure_logging

PORT = 8082


async def main(stop: asyncio.Event) -> None:
    """Runs the controller with its settings from the environment.

    MCPFED_CLUSTER is the member's name; probes and metrics are on POD_IP. KUBECONFIG serves for runs outside of a pod.
    """
    cluster = os.environ.get("MCPFED_CLUSTER", "")
    if not cluster:
        raise ConfigurationError(
            "MCPFED_CLUSTER is not set: it must be the name under which this cluster is registered"
        )
    async with await _api() as api, TelemetryServer(os.environ.get("POD_IP", "127.0.0.1"), PORT) as telemetry:
        controller = ContextController(api, cluster)
        controller.ready_when(telemetry)
        await controller.run(stop)


async def _api() -> Api:
    kubeconfig = os.environ.get("KUBECONFIG")
    return await Api.from_kubeconfig(Path(kubeconfig)) if kubeconfig else Api.in_cluster()


if __name__ == "__main__":
    configure_logging()
    run(main)
