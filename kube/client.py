"""A client of one Kubernetes API server: raw objects in and out, every request with a deadline, every failure typed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from kube import credentials
from kube.credentials import Credentials
from kube.errors import Gone, NotFound, Unreachable
from kube.kinds import Kind, Object, ObjectKey
from kube.transport import JSON, Transport
from kube.watch import LineBuffer, WatchEvent, parse_event

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Content type of a server-side apply; its body is JSON, which is YAML."""
SERVICE_ACCOUNT_DIRECTORY = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_PAGE = 500
"""Objects in one answer of a list."""


class Listing(NamedTuple):
    """A whole collection at one resource version."""

    items: list[Object]
    version: str


class Api:
    """One API server. Close it, or use it as an async context manager.

    Methods raise ApiError where the server answers with a failure, Unreachable where it does not answer in time, and
    ConfigurationError where there are no credentials to ask with. Namespaces are None for cluster-scoped kinds.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    async def from_kubeconfig(cls, source: Path | Mapping[str, Any], context: str | None = None) -> Self:
        """A client for a kubeconfig, given as file or as contents; `context` None means its current one.

        Raises:
            ConfigurationError: the kubeconfig cannot be used.
        """
        access = credentials.from_kubeconfig(source, context)
        await access.current()
        return cls.with_credentials(access)

    @classmethod
    def in_cluster(cls, directory: Path = SERVICE_ACCOUNT_DIRECTORY) -> Self:
        """A client with the ServiceAccount of the pod that this process runs in.

        Raises:
            ConfigurationError: this process does not run in a pod.
        """
        return cls.with_credentials(credentials.from_service_account(directory))

    @classmethod
    def with_credentials(cls, access: Credentials) -> Self:
        """A client with the usual deadlines."""
        return cls(Transport(access))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; harmless when done twice."""
        await self._transport.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """The object, or None if there is none; NotFound if the kind is not served."""
        try:
            return await self._ask("GET", kind, namespace, name)
        except NotFound as error:
            if _is_unserved(error):
                raise
            return None

    async def list(
        self, kind: Kind, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> list[Object]:
        """All objects that match; namespace None means in all namespaces."""
        return (await self.listing(kind, namespace, label_selector, field_selector)).items

    async def listing(
        self, kind: Kind, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> Listing:
        """As `list`, with the resource version from which a watch goes on. Reads the newest state, in pages."""
        query = {"limit": str(_PAGE), "labelSelector": label_selector, "fieldSelector": field_selector}
        try:
            return await self._pages(kind, namespace, query)
        except Gone:
            # The first page's version was compacted away while we read on: read again, in one piece.
            return await self._pages(kind, namespace, query | {"limit": ""})

    async def newest_version(
        self, kind: Kind, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> str:
        """The resource version that the store of a kind has reached; selectors narrow it to what rights allow."""
        query = {"limit": "1", "labelSelector": label_selector, "fieldSelector": field_selector}
        page = await self._ask("GET", kind, namespace, query=query)
        return page["metadata"]["resourceVersion"]

    async def create(self, kind: Kind, obj: Object, field_manager: str = "") -> Object:
        """Creates an object and returns it as stored; AlreadyExists if the name is taken."""
        namespace, name = obj["metadata"].get("namespace"), obj["metadata"].get("name", "")
        query = {"fieldManager": field_manager}
        label = _label("POST", kind, namespace, name)
        return await self._transport.call(label, "POST", kind.path(namespace), body=_typed(kind, obj), query=query)

    async def apply(
        self, kind: Kind, obj: Object, field_manager: str, subresource: str | None = None, force: bool = False
    ) -> Object:
        """Server-side apply: creates, or changes the fields that `field_manager` owns, and returns what is stored.

        Conflict if another manager owns a field with another value, unless `force` takes it over.
        """
        query = {"fieldManager": field_manager, "force": "true" if force else ""}
        return await self._ask("PATCH", kind, *ObjectKey.of(obj), subresource, _typed(kind, obj), query, APPLY_PATCH)

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any] | Sequence[Any],
        subresource: str | None = None,
        field_manager: str = "",
        content_type: str = MERGE_PATCH,
    ) -> Object:
        """Patches an object and returns it as stored. A resourceVersion in a merge patch is a precondition."""
        query = {"fieldManager": field_manager}
        return await self._ask("PATCH", kind, namespace, name, subresource, patch, query, content_type)

    async def delete(self, kind: Kind, namespace: str | None, name: str, uid: str | None = None) -> bool:
        """Deletes an object; False if there is none, NotFound if the kind is not served.

        With `uid` only this very object is deleted: Conflict if another one has taken its name.
        """
        try:
            await self._ask("DELETE", kind, namespace, name, body={"preconditions": {"uid": uid}} if uid else {})
        except NotFound as error:
            if _is_unserved(error):
                raise
            return False
        return True

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Any other request, such as the POST to a subresource: the decoded answer, None if it is empty."""
        return await self._transport.call(f"{method} {path}", method, path, body=body, query={})

    async def watch(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        initial_events: bool = False,
        timeout_seconds: float = 300.0,
        idle_seconds: float = 75.0,
    ) -> AsyncGenerator[WatchEvent]:
        """The events after a version, bookmarks among them, until the server ends the watch. Reflector stands on it.

        Args:
            kind: what to watch.
            namespace: None means all.
            resource_version: the version to go on from.
            label_selector: only objects that match.
            field_selector: only objects that match.
            initial_events: begin with every object there is and a bookmark at their end (a streaming list).
            timeout_seconds: after how long the server ends the watch.
            idle_seconds: how long silence is taken for a quiet server (a bookmark comes every minute).

        Raises:
            Gone: the version is too old.
            FutureVersion: the store has not reached the version.
            Silent: nothing came for `idle_seconds`.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "timeoutSeconds": str(int(timeout_seconds)),
            "sendInitialEvents": "true" if initial_events else "",
            "resourceVersionMatch": "NotOlderThan" if initial_events else "",
        }
        label, lines = _label("WATCH", kind, namespace, None), LineBuffer()
        async with aclosing(self._transport.stream(label, kind.path(namespace), query, idle_seconds)) as chunks:
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    yield parse_event(line, label)
        if not lines.is_empty:
            raise Unreachable(f"{label}: cut in the middle of an event")

    async def _pages(self, kind: Kind, namespace: str | None, query: dict[str, str]) -> Listing:
        items: list[Object] = []
        token = ""
        while True:
            page = await self._ask("GET", kind, namespace, query=query | {"continue": token})
            items += [_typed(kind, item) for item in page["items"] or ()]
            token = page["metadata"].get("continue", "")
            if not token:
                return Listing(items, page["metadata"]["resourceVersion"])

    async def _ask(
        self,
        method: str,
        kind: Kind,
        namespace: str | None = None,
        name: str | None = None,
        subresource: str | None = None,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Any:
        label, path = _label(method, kind, namespace, name, subresource), kind.path(namespace, name, subresource)
        return await self._transport.call(label, method, path, body=body, query=query or {}, content_type=content_type)


def _label(method: str, kind: Kind, namespace: str | None, name: str | None, subresource: str | None = None) -> str:
    """A request in words: `PATCH Pod default/a status`."""
    place = "/".join(part for part in (namespace, name) if part)
    return " ".join(part for part in (method, kind.name, place, subresource) if part)


def _is_unserved(error: NotFound) -> bool:
    """Whether there is no such path: an API server then answers in plain text, not with a Status that has a reason."""
    return not error.reason


def _typed(kind: Kind, obj: Object) -> Object:
    """The object with its `apiVersion` and `kind`: required by a server, and left out of a list's items."""
    return {"apiVersion": kind.api_version, "kind": kind.name, **obj}
