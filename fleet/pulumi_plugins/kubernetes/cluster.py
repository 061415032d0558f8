"""One cluster's objects by kind and name: discovery, and the verbs that the provider needs."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from fleet.pulumi_plugins.kubernetes.connection import APPLY, JSON_PATCH, Connection
from fleet.pulumi_plugins.kubernetes.inputs import with_namespace
from fleet.pulumi_plugins.kubernetes.objects import name_of, namespace_of, nested
from fleet.pulumi_plugins.values import Object
from kube.errors import Gone, NotFound, TooManyRequests, Unreachable

REWATCH_SECONDS: Final = 0.5
"""Pause before a watch that was cut is opened again."""


class NoMatch(Exception):
    """The API server does not serve the kind (yet)."""


class TimedOut(Exception):
    """What was waited for did not happen in time; the text says what is missing."""


@dataclass(frozen=True)
class Kind:
    """How the API server serves a kind."""

    root: str
    """`/api/v1` or `/apis/<group>/<version>`."""
    plural: str
    namespaced: bool

    def collection(self, namespace: str) -> str:
        """The path of the kind's objects in a namespace ("" stands for "default")."""
        middle = f"/namespaces/{quote(namespace or 'default', safe='')}" if self.namespaced else ""
        return f"{self.root}{middle}/{self.plural}"


@dataclass(frozen=True)
class Ref:
    """One object, which need not exist."""

    kind: Kind
    namespace: str
    name: str

    @property
    def collection(self) -> str:
        """The path of the collection that it is in."""
        return self.kind.collection(self.namespace)

    @property
    def path(self) -> str:
        """Its own path."""
        return f"{self.collection}/{quote(self.name, safe='')}"


class Cluster:
    """The objects of one API server."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._lock = threading.Lock()

    def kind(self, api_version: str, kind: str) -> Kind:
        """Look a kind up; what was found once is remembered.

        Raises:
            NoMatch: The server does not serve it.
            Unreachable: The server did not answer.
        """
        if known := self._kinds.get((api_version, kind)):
            return known
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        with self._lock:
            if (api_version, kind) not in self._kinds:
                self._discover(api_version, root)
        found = self._kinds.get((api_version, kind))
        if found is None:
            raise NoMatch(f'no matches for kind "{kind}" in version "{api_version}"')
        return found

    def _discover(self, api_version: str, root: str) -> None:
        try:
            served: list[Object] = self.connection.request("GET", root)["resources"]
        except NotFound:
            return
        for item in served:
            if "/" not in item["name"]:
                self._kinds[api_version, item["kind"]] = Kind(root, item["name"], item["namespaced"])

    def ref(self, value: Object) -> Ref:
        """Return the reference to an object.

        Raises:
            NoMatch: The server does not serve its kind.
        """
        kind = self.kind(str(value.get("apiVersion")), str(value.get("kind")))
        return Ref(kind, namespace_of(value), name_of(value))

    def get(self, ref: Ref) -> Object:
        """Read an object."""
        return self.connection.request("GET", ref.path)

    def create(self, value: Object, manager: str, dry_run: bool) -> Object:
        """Create an object; it fails if there is one of that name."""
        ref = self.ref(value)
        query = {"fieldManager": manager, **_dry_run(dry_run)}
        return self.connection.request("POST", ref.collection, _placed(value, ref), **query)

    def replace(self, value: Object, manager: str, dry_run: bool) -> Object:
        """Write a whole object over an existing one; its resourceVersion has to be the live one's."""
        ref = self.ref(value)
        query = {"fieldManager": manager, **_dry_run(dry_run)}
        return self.connection.request("PUT", ref.path, _placed(value, ref), **query)

    def apply(self, value: Object, manager: str, force: bool, dry_run: bool) -> Object:
        """Apply a declaration as the field manager `manager`."""
        ref = self.ref(value)
        query = {"fieldManager": manager, "force": str(force).lower(), **_dry_run(dry_run)}
        return self.connection.request("PATCH", ref.path, _placed(value, ref), APPLY, **query)

    def set_managed_fields(self, ref: Ref, live: Object, entries: list[Object]) -> Object:
        """Replace who owns what, if the object is still the one in `live`."""
        version = nested(live, "metadata", "resourceVersion")
        values = {"managedFields": entries, "resourceVersion": version}
        patch = [{"op": "replace", "path": f"/metadata/{field}", "value": value} for field, value in values.items()]
        return self.connection.request("PATCH", ref.path, patch, JSON_PATCH)

    def delete(self, ref: Ref, propagation: str) -> None:
        """Ask for an object's deletion."""
        self.connection.request("DELETE", ref.path, {"propagationPolicy": propagation})

    def wait(self, ref: Ref, check: Callable[[Object | None], str], seconds: float) -> Object | None:
        """Wait until `check` misses nothing in an object; it gets None once the object is gone.

        Returns:
            The object as it was then.

        Raises:
            TimedOut: It still misses something after `seconds`.
            Cancelled: The engine ended the operation.
        """
        deadline = time.monotonic() + seconds
        while True:
            live, missing = self._watched(ref, check, deadline)
            if not missing:
                return live
            if time.monotonic() >= deadline:
                raise TimedOut(missing)
            self.connection.pause(REWATCH_SECONDS)

    def _watched(self, ref: Ref, check: Callable[[Object | None], str], deadline: float) -> tuple[Object | None, str]:
        try:
            live = self._find(ref)
        except Unreachable as error:
            return None, str(error)
        missing = check(live)
        if missing and time.monotonic() < deadline:
            query = {"fieldSelector": f"metadata.name={ref.name}"}
            if live is not None:
                query["resourceVersion"] = live["metadata"]["resourceVersion"]
            try:
                for event, value in self.connection.watch(ref.collection, deadline, **query):
                    live = None if event == "DELETED" else value
                    if not (missing := check(live)):
                        break
            except (Gone, TooManyRequests, Unreachable):
                pass  # read it again
        return live, missing

    def _find(self, ref: Ref) -> Object | None:
        try:
            return self.get(ref)
        except NotFound:
            return None


def _dry_run(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _placed(value: Object, ref: Ref) -> Object:
    """Leave the namespace out of a cluster-scoped object: who declared it could not know its scope yet."""
    return value if ref.kind.namespaced else with_namespace(value, "")
