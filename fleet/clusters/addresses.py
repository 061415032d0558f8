"""Ports and loopback addresses: free ones, chosen once and remembered, so that kubeconfigs outlive a restart."""

import json
import random
import socket
from collections.abc import Callable
from pathlib import Path

import psutil

from files import durable

PORT_RANGE = range(20000, 32000)
"""Below the range from which the kernel takes ports for outgoing connections, so that none of those occupies one."""

INDEX_RANGE = range(1, 250)
"""Second byte of the loopback addresses 127.c.p.1 of a cluster's pods; 127.0.x.x stays the machine's own."""


class Addresses:
    """The remembered choice of one fleet: a name → a port or an address index."""

    def __init__(self, path: Path) -> None:
        """Read what was chosen before from `path`."""
        self._path = path
        self._chosen: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def port(self, name: str) -> int:
        """The TCP port on 127.0.0.1 for `name`."""
        return self._remembered(f"port/{name}", lambda: _free_port(set(self._chosen.values())))

    def has_port(self, name: str) -> bool:
        """Whether a port was chosen for `name`."""
        return f"port/{name}" in self._chosen

    def index(self, cluster: str) -> int:
        """The address index of a cluster: its pods get 127.<index>.p.1."""
        return self._remembered(f"index/{cluster}", lambda: _free_index(set(self._chosen.values())))

    def _remembered(self, key: str, choose: Callable[[], int]) -> int:
        if key not in self._chosen:
            self._chosen[key] = choose()
            durable.write(self._path, json.dumps(self._chosen, indent=2), mode=0o600)
        return self._chosen[key]


def _free_port(taken: set[int]) -> int:
    for port in random.sample(PORT_RANGE, len(PORT_RANGE)):
        if port not in taken and _can_bind(port):
            return port
    msg = f"no free TCP port on 127.0.0.1 between {PORT_RANGE.start} and {PORT_RANGE.stop}"
    raise OSError(msg)


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_index(taken: set[int]) -> int:
    listening = {connection.laddr.ip for connection in psutil.net_connections("tcp4") if connection.laddr}
    busy = taken | {int(address.split(".")[1]) for address in listening if address.startswith("127.")}
    for index in random.sample(INDEX_RANGE, len(INDEX_RANGE)):
        if index not in busy:
            return index
    msg = f"no network 127.c.0.0/16 is free for c between {INDEX_RANGE.start} and {INDEX_RANGE.stop}"
    raise OSError(msg)
