"""`python -m controllers.agent`: the agent of the pod that it runs in."""

import asyncio
import logging
import os
import secrets
import time

from controllers.agent.agent import Agent
from controllers.agent.holding import Origin
from controllers.agent.settings import Settings
from kube.client import Api
from kube.errors import ConfigurationError
from kube.process import run
from kube.telemetry import TelemetryServer, configure_logging


async def main(stop: asyncio.Event) -> None:
    """Runs the agent as the environment says, see Settings."""
    settings = Settings.from_environment(os.environ)
    if not settings.volume.is_dir():
        raise ConfigurationError(f"MCPFED_CONTEXT_DIR: {settings.volume} is not a directory; mount the volume there")
    origin = Origin(
        site=settings.site,
        pod=settings.pod,
        now_millis=lambda: time.time_ns() // 1_000_000,
        new_incarnation=lambda: secrets.token_hex(4),
    )
    telemetry = TelemetryServer(settings.pod_ip, settings.health_port)
    async with await _api(settings) as api, telemetry:
        agent = Agent(api, settings, origin)
        telemetry.ready_when("contexts", agent.is_ready)
        await agent.run(stop)


async def _api(settings: Settings) -> Api:
    return await Api.from_kubeconfig(settings.kubeconfig) if settings.kubeconfig else Api.in_cluster()


if __name__ == "__main__":
    configure_logging()
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts our files' events
    run(main)
