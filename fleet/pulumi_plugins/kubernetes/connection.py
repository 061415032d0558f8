"""HTTP to one API server, from a kubeconfig: requests with deadlines, and watches that can be ended at once."""

import http.client
import json
import socket
import ssl
import tempfile
import threading
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from fleet.pulumi_plugins.kubernetes.settings import Settings, entry, parse_kubeconfig
from fleet.pulumi_plugins.values import Object
from kube.errors import ApiError, ConfigurationError, Unreachable, from_answer, from_status

REQUEST_SECONDS: Final = 60.0
"""The deadline of a request; admission webhooks may take half of it."""

IDLE_SECONDS: Final = 20.0
"""How long a connection is kept for the next request: less than any server does, so that none meets a closed one."""

MAX_RETRIES: Final = 10
"""How often a request is tried again because the server asked for it, as while it makes the storage of a new kind."""

APPLY: Final = "application/apply-patch+yaml"
JSON_PATCH: Final = "application/json-patch+json"


class Cancelled(Exception):
    """The engine has ended the operation."""


@dataclass(frozen=True)
class Target:
    """Where an API server is and who talks to it."""

    host: str
    port: int
    prefix: str
    """The server URL's path, "" for none."""
    tls: ssl.SSLContext | None
    headers: Mapping[str, str]
    namespace: str
    """The namespace of the kubeconfig's context, "default" where it names none."""


def locate(settings: Settings, environment: Mapping[str, str]) -> Target:
    """Read the kubeconfig that `settings` name, else the ambient one.

    Raises:
        ConfigurationError: It is missing, malformed, or uses a kind of credential that is not supported.
    """
    ambient = environment.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    try:
        kubeconfig = parse_kubeconfig(settings.kubeconfig or ambient)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    name = settings.context or str(kubeconfig.get("current-context", ""))
    context = entry(kubeconfig, "contexts", "context", name)
    cluster = entry(kubeconfig, "clusters", "cluster", settings.cluster or str(context.get("cluster", "")))
    user = entry(kubeconfig, "users", "user", str(context.get("user", "")))
    url = urlsplit(str(cluster.get("server", "")))
    if url.hostname is None:
        raise ConfigurationError(f"The kubeconfig has no cluster with a server for the context {name!r}.")
    for block, field in ((user, "exec"), (user, "auth-provider"), (cluster, "proxy-url")):
        if block.get(field):
            raise ConfigurationError(f"The kubeconfig uses {field}, which the local fleet's stand-in does not support.")
    secure = url.scheme == "https"
    return Target(
        host=url.hostname,
        port=url.port or (443 if secure else 80),
        prefix=url.path.rstrip("/"),
        tls=_tls(cluster, user) if secure else None,
        headers=_authorization(user),
        namespace=settings.namespace or str(context.get("namespace") or "default"),
    )


def _authorization(user: Object) -> dict[str, str]:
    token = user.get("token") or (Path(user["tokenFile"]).read_text().strip() if user.get("tokenFile") else "")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _tls(cluster: Object, user: Object) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the authorities that clusters make for themselves are often not
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif authority := _pem(cluster, "certificate-authority"):
        context.load_verify_locations(cadata=authority)
    certificate, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    if certificate:
        with tempfile.TemporaryDirectory() as directory:  # the ssl module reads a key from a file only
            both = Path(directory) / "client.pem"
            both.touch(mode=0o600)
            both.write_text(f"{certificate}\n{key}")
            context.load_cert_chain(both)
    return context


def _pem(block: Object, field: str) -> str:
    if data := block.get(f"{field}-data"):
        return b64decode(data).decode()
    return Path(block[field]).read_text() if block.get(field) else ""


class Connection:
    """Requests to one API server, from any number of threads."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.cancelled = threading.Event()
        self._kept = threading.local()
        self._watches: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        **query: str,
    ) -> Object:
        """Send one request and return the answer's object; a server that asks to be tried again later is.

        Raises:
            ApiError: The server answered with a failure.
            Unreachable: The server did not answer.
            Cancelled: `cancel` was called while a later try was due.
        """
        for _ in range(MAX_RETRIES):
            try:
                return self._request(method, path, body, content_type, query)
            except ApiError as error:
                if error.retry_after is None:
                    raise
                self.pause(error.retry_after)
        return self._request(method, path, body, content_type, query)

    def _request(self, method: str, path: str, body: Any, content_type: str, query: Mapping[str, str]) -> Object:
        connection = self._connection()
        headers = {"Accept": "application/json", "Content-Type": content_type, **self.target.headers}
        payload = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, self._url(path, query), payload, headers)
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        self._kept.used = time.monotonic()
        if answer.status >= 400:
            later = answer.headers.get("Retry-After", "")
            raise from_answer(f"{method} {path}", answer.status, raw, float(later) if later.isdigit() else None)
        return json.loads(raw)

    def watch(self, path: str, deadline: float, **query: str) -> Iterator[tuple[str, Object]]:
        """Yield (type, object) for each event until the server, the deadline or `cancel` ends the watch.

        Args:
            path: The collection.
            deadline: On the monotonic clock.
            query: Selectors and where to start.

        Raises:
            ApiError: The server answered, or sent, a failure.
            Cancelled: `cancel` was called.
            Unreachable: The connection was cut.
        """
        left = max(deadline - time.monotonic(), 1.0)
        connection = self._open(left + 5.0)
        with self._lock:
            self._watches.add(connection)
        try:
            self._check_cancelled()
            url = self._url(path, {**query, "watch": "1", "timeoutSeconds": str(int(left) + 1)})
            connection.request("GET", url, headers={"Accept": "application/json", **self.target.headers})
            yield from self._events(connection.getresponse(), path)
            self._check_cancelled()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._check_cancelled()
            raise self._unreachable(error) from error
        finally:
            with self._lock:
                self._watches.discard(connection)
            connection.close()

    def cancel(self) -> None:
        """End every watch, and let every later one end at once."""
        self.cancelled.set()
        with self._lock:
            for connection in self._watches:
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def pause(self, seconds: float) -> None:
        """Sleep, unless `cancel` is called.

        Raises:
            Cancelled: It was.
        """
        self.cancelled.wait(seconds)
        self._check_cancelled()

    def _check_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise Cancelled("The operation was cancelled.")

    def _events(self, answer: http.client.HTTPResponse, path: str) -> Iterator[tuple[str, Object]]:
        if answer.status >= 400:
            raise from_answer(f"WATCH {path}", answer.status, answer.read())
        for line in answer:
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise from_status(f"WATCH {path}", event["object"])
            yield event["type"], event["object"]

    def _connection(self) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is None:
            kept = self._kept.connection = self._open(REQUEST_SECONDS)
        elif time.monotonic() - getattr(self._kept, "used", 0.0) > IDLE_SECONDS:
            kept.close()
        return kept

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        target = self.target
        if target.tls is None:
            return http.client.HTTPConnection(target.host, target.port, timeout=timeout)
        return http.client.HTTPSConnection(target.host, target.port, timeout=timeout, context=target.tls)

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        return self.target.prefix + path + (f"?{urlencode(query)}" if query else "")

    def _unreachable(self, error: Exception) -> Unreachable:
        return unreachable(f"{self.target.host}:{self.target.port}: {error or type(error).__name__}")


def unreachable(why: str) -> Unreachable:
    """Make the error that says that the cluster cannot be talked to."""
    return Unreachable(f"configured Kubernetes cluster is unreachable: {why}")
