"""What a process reports of itself: structured logs, and /livez, /readyz and /metrics over HTTP."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from kube import metrics

_TICK_SECONDS = 1.0
_MAX_LAG_SECONDS = 5.0
"""An event loop that is later than this is stuck: the process had better be restarted."""

Check = Callable[[], bool]


def configure_logging(level: str = "INFO", form: Literal["json", "console"] | None = None) -> None:
    """Sets up structlog and the standard library's logging, both to stderr.

    Args:
        level: the least severe level that is written.
        form: one JSON object a line, or text for people; None takes text where stderr is a terminal.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(form)],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _rendering(form: Literal["json", "console"] | None) -> list[structlog.typing.Processor]:
    if (form or ("console" if sys.stderr.isatty() else "json")) == "console":
        return [structlog.dev.ConsoleRenderer()]
    # Local variables stay out of tracebacks: they may hold payloads and tokens.
    format_exception = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    return [format_exception, structlog.processors.JSONRenderer()]


class TelemetryServer:
    """Answers probes and scrapes while used as an async context manager.

    /livez fails when the event loop is stuck, /readyz while a registered check fails, both with a line per check.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        max_lag_seconds: float = _MAX_LAG_SECONDS,
        tick_seconds: float = _TICK_SECONDS,
    ) -> None:
        self._host = host
        self.port = port
        """Where it listens; given as 0, it is a free one once the server has started."""
        self._max_lag = max_lag_seconds
        self._checks: dict[str, Check] = {}
        self._tick_seconds = tick_seconds
        self._lag = 0.0
        """How late the latest tick was, seconds."""
        self._ticker: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    def ready_when(self, name: str, check: Check) -> None:
        """Adds a condition for readiness, such as that a cache is synced; `check` must not wait."""
        self._checks[name] = check

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self.port).start()
        self.port = self._runner.addresses[0][1]
        self._ticker = asyncio.create_task(self._tick(), name="event-loop-lag")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _tick(self) -> None:
        while True:
            due = time.monotonic() + self._tick_seconds
            await asyncio.sleep(self._tick_seconds)
            self._lag = max(0.0, time.monotonic() - due)
            metrics.LOOP_LAG_SECONDS.set(self._lag)

    async def _livez(self, _: web.Request) -> web.Response:
        return _report({"event-loop": self._lag <= self._max_lag})

    async def _readyz(self, _: web.Request) -> web.Response:
        return _report({name: check() for name, check in self._checks.items()})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _report(checks: dict[str, bool]) -> web.Response:
    lines = [f"[{'+' if passed else '-'}]{name} {'ok' if passed else 'failed'}" for name, passed in checks.items()]
    passed = all(checks.values())
    return web.Response(text="\n".join([*lines, "ok" if passed else "failed", ""]), status=200 if passed else 503)
