"""Health checks: small awaitables that say why a process is not ready yet."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from kube import kinds
from kube.client import Api
from kube.errors import ApiError, Unreachable
from kube.kinds import Object

Check = Callable[[], Awaitable[str | None]]
"""None when ready, else the reason why not, for people."""

ATTEMPT_SECONDS = 5.0
"""How long one attempt may take."""


def http_ready(url: str, authority: Path | None = None) -> Check:
    """Ready when a GET of `url` answers 200; an HTTPS server must show a certificate of `authority` (a PEM file)."""

    async def check() -> str | None:
        trust = ssl.create_default_context(cafile=authority) if authority else True
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ATTEMPT_SECONDS)) as session,
                session.get(url, ssl=trust) as response,
            ):
                return None if response.status == 200 else f"{url} answers {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"{url}: {error or type(error).__name__}"

    return check


def node_ready(kubeconfig: Path) -> Check:
    """Ready when the cluster has a Node that says so."""

    async def check() -> str | None:
        try:
            async with await Api.from_kubeconfig(kubeconfig) as api:
                nodes = await api.list(kinds.NODE)
        except (ApiError, Unreachable) as error:
            return str(error)
        ready = [node for node in nodes if lacking(node, "Ready") is None]
        return None if ready else "the cluster has no ready Node"

    return check


async def always_ready() -> str | None:
    """For a process that serves nobody."""
    return None


def lacking(found: Object | None, wanted: str) -> str | None:
    """Why a Kubernetes object lacks a condition; None when it has it."""
    present = condition(found, wanted)
    if present is None:
        return "no such condition yet"
    return None if present["status"] == "True" else present.get("message", present["status"])


def condition(found: Object | None, wanted: str) -> Object | None:
    """A condition of a Kubernetes object, whatever its status."""
    # A definition that was created just now has a null where its conditions will be.
    present: list[Object] = (found or {}).get("status", {}).get("conditions") or []
    return next((entry for entry in present if entry["type"] == wanted), None)
