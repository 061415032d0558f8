from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Generator

import aiohttp
import pytest
import structlog

from kube.queue import KeyedQueue
from kube.telemetry import TelemetryServer, configure_logging


async def fetch(server: TelemetryServer, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}{path}") as response:
        return response.status, await response.text()


@pytest.fixture
def logging_restored() -> Generator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


async def test_readiness_names_what_is_missing() -> None:
    synced: list[bool] = []
    async with TelemetryServer("127.0.0.1", 0) as server:
        server.ready_when("contexts", lambda: bool(synced))
        assert await fetch(server, "/readyz") == (503, "[-]contexts failed\nfailed\n")
        synced.append(True)
        assert await fetch(server, "/readyz") == (200, "[+]contexts ok\nok\n")


async def test_liveness_fails_while_the_event_loop_is_stuck_and_recovers() -> None:
    async with TelemetryServer("127.0.0.1", 0, max_lag_seconds=1.0, tick_seconds=0.2) as server:
        assert await fetch(server, "/livez") == (200, "[+]event-loop ok\nok\n")
        time.sleep(1.5)  # noqa: ASYNC251  it is the point
        assert await fetch(server, "/livez") == (503, "[-]event-loop failed\nfailed\n")
        await asyncio.sleep(0.3)
        assert (await fetch(server, "/livez"))[0] == 200


async def test_metrics_carry_the_names_of_client_go() -> None:
    queue = KeyedQueue[str]("telemetry-test")
    queue.add("a")
    async with TelemetryServer("127.0.0.1", 0) as server:
        status, text = await fetch(server, "/metrics")
    assert status == 200
    assert 'workqueue_adds_total{name="telemetry-test"} 1.0' in text
    assert 'workqueue_depth{name="telemetry-test"} 1.0' in text


@pytest.mark.usefixtures("logging_restored")
def test_logs_are_one_json_object_a_line_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    secret = "payload"
    try:
        raise ValueError(f"{len(secret)} bytes")
    except ValueError:
        structlog.get_logger("test").exception("failed", key="a/b")
    logging.getLogger("other").warning("plain")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["key"], first["level"], first["logger"]) == ("failed", "a/b", "error", "test")
    assert "payload" not in json.dumps(first)
    assert "ValueError" in json.dumps(first["exception"])
    assert (second["event"], second["level"]) == ("plain", "warning")


@pytest.mark.usefixtures("logging_restored")
def test_logs_for_people_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING", "console")
    structlog.get_logger("test").info("hidden")
    structlog.get_logger("test").warning("shown", key="a/b")
    text = capsys.readouterr().err
    assert "shown" in text
    assert "hidden" not in text
