"""Keeps MCP endpoints and context directories in the fleet's state current: pods come and go, and their addresses."""

import argparse
import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from api.names import SERVER_LABEL
from fleet.layout import Layout
from fleet.node.layout import volume_path
from fleet.state import read_state, update_state
from kube.client import Api
from kube.kinds import POD, Object
from kube.process import run, run_until
from kube.reflector import Reflector
from kube.telemetry import configure_logging

SERVER_CONTAINER = "server"
MCP_PATH = "/mcp"
SETTLE_SECONDS = 0.05
"""Pods change in bursts; the file is written once for a burst."""


def endpoints(pods: Iterable[Object]) -> dict[str, str]:
    """MCP server → URL of the MCP endpoint of one of its ready pods."""
    ready = [pod for pod in pods if _is_ready(pod)]
    return {_server(pod): f"http://{pod['status']['podIP']}:{_port(pod)}{MCP_PATH}" for pod in sorted(ready, key=_name)}


def context_directories(layout: Layout, cluster: str, pods: Iterable[Object]) -> dict[str, dict[str, str]]:
    """MCP server → pod → path of the directory that the server and its agent share."""
    found: dict[str, dict[str, str]] = {}
    for pod in sorted(pods, key=_name):
        path = volume_path(layout.node(cluster), pod, "context")
        if path.is_dir() and not pod["metadata"].get("deletionTimestamp"):
            found.setdefault(_server(pod), {})[_name(pod)] = layout.relative(path)
    return found


def _is_ready(pod: Object) -> bool:
    status: dict[str, Any] = pod.get("status", {})
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}
    return conditions.get("Ready") == "True" and "podIP" in status and not pod["metadata"].get("deletionTimestamp")


def _port(pod: Object) -> int:
    containers = {container["name"]: container for container in pod["spec"]["containers"]}
    return containers[SERVER_CONTAINER]["ports"][0]["containerPort"]


def _server(pod: Object) -> str:
    return pod["metadata"]["labels"][SERVER_LABEL]


def _name(pod: Object) -> str:
    return pod["metadata"]["name"]


async def publish(layout: Layout, members: Iterable[str], stop: asyncio.Event) -> None:
    """Follows the pods of MCP servers in all members until `stop` is set."""
    clusters, changed = read_state(layout).clusters, asyncio.Event()
    apis = {name: await Api.from_kubeconfig(layout.absolute(clusters[name].kubeconfig)) for name in members}
    pods = {name: Reflector(api, POD, label_selector=SERVER_LABEL) for name, api in apis.items()}
    for reflector in pods.values():
        reflector.subscribe(lambda key, old, new: changed.set())

    async def write() -> None:
        await asyncio.gather(*(reflector.synced.wait() for reflector in pods.values()))
        while True:
            changed.clear()
            found = {name: list(reflector.cache.values()) for name, reflector in pods.items()}
            update_state(
                layout,
                {
                    "endpoints": {name: endpoints(objects) for name, objects in found.items()},
                    "context_directories": {
                        name: context_directories(layout, name, objects) for name, objects in found.items()
                    },
                },
            )
            await changed.wait()
            await asyncio.sleep(SETTLE_SECONDS)

    try:
        await run_until(stop, write(), *(reflector.run() for reflector in pods.values()))
    finally:
        await asyncio.gather(*(api.close() for api in apis.values()))


def main() -> None:
    """Publish for the fleet of the directory `--root` and its `--members`."""
    parser = argparse.ArgumentParser(prog="python -m fleet.publisher", description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--members", required=True, help="names, separated by commas")
    arguments = parser.parse_args()
    configure_logging()
    run(lambda stop: publish(Layout(arguments.root), arguments.members.split(","), stop))


if __name__ == "__main__":
    main()
