"""Probes and the preStop hook: what a container asks for, and when a row of results becomes a verdict. Pure."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from fleet.node.objects import UnsupportedError, child, children
from kube.kinds import Object

ProbeKind = Literal["startupProbe", "livenessProbe", "readinessProbe"]


class HttpGet(NamedTuple):
    """Succeeds with a status of 200 to 399."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()


class TcpSocket(NamedTuple):
    """Succeeds if a connection is accepted."""

    host: str
    port: int


class Exec(NamedTuple):
    """Succeeds if the command, run inside the container, exits with 0."""

    command: tuple[str, ...]


Action = HttpGet | TcpSocket | Exec


class Sleep(NamedTuple):
    """What only a preStop hook can do: wait."""

    seconds: float


@dataclass(frozen=True)
class Probe:
    """One probe of a container; times are seconds."""

    action: Action
    initial_delay: float
    period: float
    timeout: float
    success_threshold: int
    failure_threshold: int


class Tally(NamedTuple):
    """How often in a row a probe has ended the same way."""

    succeeded: bool
    streak: int


def record(tally: Tally | None, *, succeeded: bool) -> Tally:
    """Tally after one more result."""
    streak = tally.streak + 1 if tally and tally.succeeded == succeeded else 1
    return Tally(succeeded, streak)


def verdict(probe: Probe, tally: Tally) -> bool | None:
    """Whether the container passes; None while too few results in a row say so, which leaves the last verdict."""
    threshold = probe.success_threshold if tally.succeeded else probe.failure_threshold
    return tally.succeeded if tally.streak >= threshold else None


def parse_probe(container: Object, kind: ProbeKind, address: str) -> Probe | None:
    """The container's probe of this kind, None where it has none.

    Args:
        container: the container's spec.
        kind: the field.
        address: the pod's address, which is asked where the probe names no host.

    Raises:
        UnsupportedError: an action or port that is not offered here.
    """
    spec: Object | None = container.get(kind)
    if spec is None:
        return None
    return Probe(
        action=_action(container, spec, address),
        initial_delay=spec.get("initialDelaySeconds", 0),
        period=spec.get("periodSeconds", 10),
        timeout=spec.get("timeoutSeconds", 1),
        success_threshold=spec.get("successThreshold", 1),
        failure_threshold=spec.get("failureThreshold", 3),
    )


def parse_pre_stop(container: Object, address: str) -> Action | Sleep | None:
    """What the container wants done before SIGTERM, None if nothing.

    Raises:
        UnsupportedError: an action or port that is not offered here.
    """
    hook: Object | None = child(container, "lifecycle").get("preStop")
    if hook is None:
        return None
    return Sleep(hook["sleep"]["seconds"]) if "sleep" in hook else _action(container, hook, address)


def _action(container: Object, spec: Object, address: str) -> Action:
    if http := spec.get("httpGet"):
        scheme, host, path = http.get("scheme", "HTTP").lower(), http.get("host") or address, http.get("path", "/")
        headers = tuple((header["name"], header["value"]) for header in children(http, "httpHeaders"))
        url = f"{scheme}://{host}:{_port_number(container, http['port'])}/{path.removeprefix('/')}"
        return HttpGet(url, headers)
    if tcp := spec.get("tcpSocket"):
        return TcpSocket(tcp.get("host") or address, _port_number(container, tcp["port"]))
    if command := spec.get("exec"):
        return Exec(tuple(command["command"]))
    raise UnsupportedError(
        f'container "{container["name"]}": only httpGet, tcpSocket and exec are offered by a process node'
    )


def _port_number(container: Object, port: int | str) -> int:
    if isinstance(port, int):
        return port
    named = {entry.get("name"): entry["containerPort"] for entry in children(container, "ports")}
    if port not in named:
        raise UnsupportedError(f'container "{container["name"]}" has no port named "{port}", which a probe refers to')
    return named[port]
