"""`python -m controllers.server`: serves the contexts of the volume over MCP until SIGTERM."""

import asyncio
import logging
import os
from importlib import metadata

from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

from controllers.server.http import app_of, serve
from controllers.server.protocol import server_of
from controllers.server.reloader import Reloader
from controllers.server.settings import Settings
from kube.process import run
from kube.telemetry import configure_logging


async def main(stop: asyncio.Event) -> None:
    """Serves until `stop` is set.

    Raises:
        ConfigurationError: the environment does not say how, or the address is taken.
    """
    configure_logging()
    logging.getLogger("mcp").setLevel(logging.WARNING)  # at INFO it logs the ids of sessions, which are secrets
    settings = Settings.from_environment(os.environ)
    bus = InMemorySubscriptionBus()
    listen = ListenHandler(bus)
    reloader = Reloader(settings.context_dir, bus.publish, allow_python=settings.allow_python)
    server = server_of(lambda: reloader.catalog, bus, listen, _version())
    app = app_of(server, reloader, settings.hosts)
    async with asyncio.TaskGroup() as group:
        reloading = group.create_task(reloader.run())
        await serve(app, settings.host, settings.port, stop, listen.close)
        reloading.cancel()


def _version() -> str:
    try:
        return metadata.version("mcp-federation")
    except metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    run(main)
