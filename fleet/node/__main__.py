"""`python -m fleet.node`: run the process node of one cluster until SIGTERM or SIGINT."""

import argparse
import asyncio
import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import aiohttp
import yaml

from fleet.node.host import Host
from fleet.node.images import local_catalog
from fleet.node.node import Node
from fleet.node.process import check_sandbox
from fleet.node.registration import node_labels, node_name
from fleet.node.sources import Sources
from kube import process, telemetry
from kube.client import Api
from kube.errors import ConfigurationError
from kube.kinds import Object

_REPOSITORY = Path(__file__).resolve().parents[2]


class Arguments(argparse.Namespace):
    """Command line of the node."""

    cluster: str
    kubeconfig: Path
    address_index: int
    root: Path


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m fleet.node", description=__doc__)
    parser.add_argument("--cluster", required=True, help="name of the cluster; the node is called <cluster>-node")
    parser.add_argument("--kubeconfig", required=True, type=Path, help="administrator's credentials for the cluster")
    parser.add_argument(
        "--address-index",
        required=True,
        type=int,
        choices=range(1, 251),
        metavar="1..250",
        help="second byte of the pods' addresses, different for every cluster of the machine",
    )
    parser.add_argument("--root", required=True, type=Path, help="directory for logs and volumes of this node's pods")
    arguments = parser.parse_args(namespace=Arguments())
    telemetry.configure_logging()
    process.run(lambda stop: run_node(arguments, stop))


async def run_node(arguments: Arguments, stop: asyncio.Event) -> None:
    """Run the node until `stop` is set.

    Raises:
        ConfigurationError: the directory is in use, or the kubeconfig cannot be used.
    """
    root = arguments.root.absolute()
    with _exclusive(root):
        await check_sandbox(root)
        async with await Api.from_kubeconfig(arguments.kubeconfig) as api, _probe_session() as http:
            host = Host(
                name=node_name(arguments.cluster),
                root=root,
                api=api,
                api_server=api_server(yaml.safe_load(arguments.kubeconfig.read_text())),
                sources=Sources(api),
                catalog=local_catalog(_REPOSITORY),
                http=http,
                clock=lambda: datetime.now(UTC),
            )
            await Node(host, arguments.address_index, node_labels(arguments.cluster)).run(stop)


def _probe_session() -> aiohttp.ClientSession:
    # A probe asks whether the server accepts connections: it must not live on one that was accepted before.
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))


def api_server(kubeconfig: Object) -> tuple[str, int]:
    """Host and port of the API server of a kubeconfig's current context."""
    contexts: list[Object] = kubeconfig["contexts"]
    current = next(entry["context"] for entry in contexts if entry["name"] == kubeconfig["current-context"])
    clusters: list[Object] = kubeconfig["clusters"]
    cluster = next(entry["cluster"] for entry in clusters if entry["name"] == current["cluster"])
    url = urlsplit(cast("str", cluster["server"]))
    return url.hostname or "127.0.0.1", url.port or 443


@contextmanager
def _exclusive(root: Path) -> Generator[None]:
    """Hold the directory: two nodes would remove each other's pods."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"{root} is in use by another process node; end that one first") from None
        yield


if __name__ == "__main__":
    main()
