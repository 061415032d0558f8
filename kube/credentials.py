"""Address of an API server and credentials for it: from a kubeconfig or a pod's ServiceAccount."""

from __future__ import annotations

import asyncio
import base64
import binascii
import importlib
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import structlog

from kube import kubeconfig
from kube.errors import ConfigurationError
from kube.tls import client_context

_log = structlog.get_logger(__name__)

_EXEC_SECONDS = 60.0
"""Deadline for a credential plugin: it may ask an identity provider over the network."""
_EXPIRY_MARGIN_SECONDS = 30.0


@dataclass(frozen=True, eq=False)
class Access:
    """What a request needs to reach an API server and to authenticate."""

    server: str
    """URL without a slash at its end."""
    authorization: str | None
    tls: ssl.SSLContext | bool
    server_name: str | None = None
    """Name expected in the server's certificate, where it is not the URL's host."""
    proxy: str | None = None
    expires: float = float("inf")
    """Wall clock, seconds since the epoch."""
    files: tuple[Path, ...] = ()
    """Files that it was made of: when one changes it is made anew."""


class Credentials:
    """An Access that stays valid: made anew when a file changes, when it expires, and when the server refuses it."""

    def __init__(self, load: Callable[[], Awaitable[Access]]) -> None:
        self._load = load
        self._access: Access | None = None
        self._seen: tuple[object, ...] = ()
        self._loading = asyncio.Lock()

    async def current(self) -> Access:
        """The Access to use now.

        Raises:
            ConfigurationError: there is none, and never was one that may still do.
        """
        access = self._access
        if access is not None and not self._is_outdated(access):
            return access
        try:
            return await self.renew(access)
        except ConfigurationError as error:
            if access is None:
                raise
            _log.warning("credentials not renewed, using the earlier ones", error=str(error))
            return access

    async def renew(self, refused: Access | None) -> Access:
        """A fresh Access in place of `refused`; what another request has fetched meanwhile counts as fresh.

        Raises:
            ConfigurationError: the kubeconfig, a file, or the credential plugin does not give one.
        """
        async with self._loading:
            if self._access is None or self._access is refused:
                self._access = await self._load()
                self._seen = tuple(_fingerprint(path) for path in self._access.files)
            return self._access

    def _is_outdated(self, access: Access) -> bool:
        expires_soon = time.time() > access.expires - _EXPIRY_MARGIN_SECONDS
        return expires_soon or self._seen != tuple(_fingerprint(path) for path in access.files)


def from_service_account(directory: Path) -> Credentials:
    """Credentials of the pod's ServiceAccount, as the kubelet projects them into `directory`.

    Raises:
        ConfigurationError: the environment does not name an API server.
    """
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ConfigurationError("not in a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set; give a kubeconfig")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    token, authority = directory / "token", directory / "ca.crt"

    async def load() -> Access:
        tls = client_context(authority=_read(authority), certificate=None, key=None, verify=True)
        return Access(server, f"Bearer {_read(token).decode().strip()}", tls, files=(token, authority))

    return Credentials(load)


def from_kubeconfig(source: Path | Mapping[str, Any], context: str | None = None) -> Credentials:
    """Credentials from a kubeconfig file or its contents; `context` None means its current one."""

    async def load() -> Access:
        return await _Reading(source, context).access()

    return Credentials(load)


class _Reading:
    """One reading of a kubeconfig; remembers which files it has read."""

    def __init__(self, source: Path | Mapping[str, Any], context: str | None) -> None:
        self._files: list[Path] = []
        self._base = source.parent if isinstance(source, Path) else Path()
        self._label = f"kubeconfig {source}" if isinstance(source, Path) else "kubeconfig"
        try:
            config = kubeconfig.parse(self._file(source.name)) if isinstance(source, Path) else source
            entry = kubeconfig.Entry(config, context)
            self._cluster, self._user = entry.cluster, entry.user
        except ValueError as error:
            self._fail(str(error))

    async def access(self) -> Access:
        user, cluster = self._user, self._cluster
        expires = float("inf")
        if "exec" in user:
            issued = await self._run_plugin(user["exec"])
            expires = _seconds(issued.get("expirationTimestamp"))
            user = {
                "token": issued.get("token"),
                "client-certificate-data": _encoded(issued.get("clientCertificateData")),
                "client-key-data": _encoded(issued.get("clientKeyData")),
            }
        tls = client_context(
            authority=self._bytes(cluster, "certificate-authority"),
            certificate=self._bytes(user, "client-certificate"),
            key=self._bytes(user, "client-key"),
            verify=not cluster.get("insecure-skip-tls-verify", False),
        )
        return Access(
            server=str(cluster.get("server") or "").rstrip("/") or self._fail("the cluster has no server"),
            authorization=self._authorization(user),
            tls=tls,
            server_name=cluster.get("tls-server-name"),
            proxy=cluster.get("proxy-url"),
            expires=expires,
            files=tuple(self._files),
        )

    def _bytes(self, holder: Mapping[str, Any], field: str) -> bytes | None:
        if data := holder.get(f"{field}-data"):
            try:
                return base64.b64decode(data, validate=True)
            except binascii.Error:
                self._fail(f"{field}-data is not base64")
        return self._file(holder[field]) if holder.get(field) else None

    def _file(self, name: str) -> bytes:
        path = self._base / name
        self._files.append(path)
        return _read(path)

    def _authorization(self, user: Mapping[str, Any]) -> str | None:
        if user.get("tokenFile"):
            return f"Bearer {self._file(user['tokenFile']).decode().strip()}"
        if user.get("token"):
            return f"Bearer {user['token']}"
        if user.get("username"):
            pair = f"{user['username']}:{user.get('password', '')}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return None

    async def _run_plugin(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        # Loaded only here: the package costs 20 MiB and half a second, and pods need no plugin.
        config: Any = importlib.import_module("kubernetes.aio.config.kube_config")
        try:
            async with asyncio.timeout(_EXEC_SECONDS):
                return await config.ExecProvider(config.ConfigNode("exec", settings)).run()
        except TimeoutError:
            self._fail(f"credential plugin {settings.get('command')!r} gave nothing in {_EXEC_SECONDS:.0f} s")
        except Exception as error:
            raise ConfigurationError(f"{self._label}: credential plugin: {error}") from error

    def _fail(self, problem: str) -> NoReturn:
        raise ConfigurationError(f"{self._label}: {problem}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error


def _fingerprint(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _encoded(pem: str | None) -> str | None:
    return base64.b64encode(pem.encode()).decode() if pem else None


def _seconds(timestamp: str | None) -> float:
    return datetime.fromisoformat(timestamp).timestamp() if timestamp else float("inf")
