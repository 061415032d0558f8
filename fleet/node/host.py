"""What all pods on one node share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from fleet.node.images import Catalog
from fleet.node.sources import Sources
from fleet.node.status import timestamp
from kube.client import Api


@dataclass(frozen=True)
class Host:
    """A node's means."""

    name: str
    """Name of the Node object."""
    root: Path
    """Directory that holds everything the node writes."""
    api: Api
    api_server: tuple[str, int]
    """Host and port under which containers reach the API server."""
    sources: Sources
    catalog: Catalog
    http: aiohttp.ClientSession
    """For probes."""
    clock: Callable[[], datetime]

    def now(self) -> str:
        """The time as it is written into objects."""
        return timestamp(self.clock())
