"""Probes: parsing, and verdicts from results."""

from typing import Any

import pytest

from fleet.node.objects import UnsupportedError
from fleet.node.probes import (
    Exec,
    HttpGet,
    Probe,
    Sleep,
    Tally,
    TcpSocket,
    parse_pre_stop,
    parse_probe,
    record,
    verdict,
)
from kube.kinds import Object
from tests.unit.fleet.node.pods import a_container

ADDRESS = "127.5.1.1"


def probe_of(spec: Object, **container: Any) -> Probe:
    probe = parse_probe(a_container(livenessProbe=spec, **container), "livenessProbe", ADDRESS)
    assert probe
    return probe


def verdicts(results: str, success: int, failure: int) -> list[bool | None]:
    """The verdict after each result; `+` is a success, `-` a failure."""
    probe = Probe(Exec(("true",)), 0, 1, 1, success, failure)
    tally: Tally | None = None
    said: list[bool | None] = []
    for result in results:
        tally = record(tally, succeeded=result == "+")
        said.append(verdict(probe, tally))
    return said


def test_a_probe_has_the_usual_defaults() -> None:
    assert probe_of({"exec": {"command": ["true"]}}) == Probe(Exec(("true",)), 0, 10, 1, 1, 3)


def test_an_http_probe_asks_the_pods_address_and_a_named_port() -> None:
    ports = [{"name": "http", "containerPort": 8000}]
    http = {"port": "http", "path": "/readyz", "httpHeaders": [{"name": "A", "value": "b"}]}
    assert probe_of({"httpGet": http}, ports=ports).action == HttpGet(f"http://{ADDRESS}:8000/readyz", (("A", "b"),))


def test_a_probe_may_name_host_and_scheme() -> None:
    action = probe_of({"httpGet": {"host": "127.0.0.1", "port": 1, "scheme": "HTTPS"}}).action
    assert action == HttpGet("https://127.0.0.1:1/")
    assert probe_of({"tcpSocket": {"port": 9}}).action == TcpSocket(ADDRESS, 9)


def test_an_unknown_port_name_or_action_is_refused() -> None:
    with pytest.raises(UnsupportedError, match='no port named "web"'):
        probe_of({"tcpSocket": {"port": "web"}})
    with pytest.raises(UnsupportedError, match="httpGet, tcpSocket and exec"):
        probe_of({"grpc": {"port": 1}})


def test_a_container_without_a_probe_has_none() -> None:
    assert parse_probe(a_container(), "readinessProbe", ADDRESS) is None


def test_a_verdict_needs_its_number_of_results_in_a_row() -> None:
    assert verdicts("--+---+", success=1, failure=3) == [None, None, True, None, None, False, True]
    assert verdicts("+-++", success=2, failure=1) == [None, False, None, True]


def test_pre_stop_hooks_run_something_or_wait() -> None:
    assert parse_pre_stop(a_container(), ADDRESS) is None
    assert parse_pre_stop(a_container(lifecycle={"preStop": {"sleep": {"seconds": 3}}}), ADDRESS) == Sleep(3)
    hook = {"preStop": {"exec": {"command": ["sync"]}}}
    assert parse_pre_stop(a_container(lifecycle=hook), ADDRESS) == Exec(("sync",))
