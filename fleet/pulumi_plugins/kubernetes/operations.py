"""Create, read, update and delete of one object, in the order of steps that the official provider takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.pulumi_plugins.kubernetes import ownership, readiness
from fleet.pulumi_plugins.kubernetes.cluster import Cluster, NoMatch, Ref, TimedOut
from fleet.pulumi_plugins.kubernetes.connection import Cancelled
from fleet.pulumi_plugins.kubernetes.objects import annotation, flagged, is_crd, nested
from fleet.pulumi_plugins.kubernetes.state import CREATOR
from fleet.pulumi_plugins.values import Object, is_list
from kube.errors import ApiError, Conflict, NotFound

CREATE_RETRIES: Final = 5
"""How often a create is tried again while its kind or its namespace does not exist yet."""

FIRST_RETRY_SECONDS: Final = 1.0
"""The pause before the first retry; it doubles each time."""

TAKE_OVER_RETRIES: Final = 5
"""How often taking over fields is tried while others keep writing the object."""

PROPAGATION: Final = {"orphan": "Orphan", "background": "Background"}
"""What `pulumi.com/deletionPropagationPolicy` may say; anything else is Foreground."""

CONFLICT_ADVICE: Final = (
    "Server-Side Apply field conflict detected: another field manager owns a field that the program declares. "
    "Leave the field to it, or list it in ignore_changes."
)

Report = Callable[[str], None]
"""Takes one line of progress; the newest replaces the one before."""


class NotReady(Exception):
    """The object is written, but has not become what was waited for."""

    def __init__(self, live: Object, missing: str) -> None:
        super().__init__(missing)
        self.live = live


@dataclass(frozen=True)
class Operations:
    """The operations on one cluster's objects.

    Every operation may raise ApiError, Unreachable, NoMatch or Cancelled; one that waits also NotReady or TimedOut.
    """

    cluster: Cluster
    report: Report
    preview: bool = False
    """Only ask the API server what would happen."""
    force: bool = False
    """Override other field managers."""

    def create(self, inputs: Object, manager: str, patches: bool, asked_seconds: float) -> Object:
        """Create an object, or apply to an existing one where the declaration only patches; wait until it is ready."""
        check = readiness.check_of(inputs)
        live = self._retried(lambda: self._create(inputs, manager, patches))
        return live if self.preview else self._ready(inputs, live, check, asked_seconds)

    def _create(self, inputs: Object, manager: str, patches: bool) -> Object:
        if patches:
            return self._apply(inputs, manager)
        return self.cluster.create(inputs, CREATOR, self.preview)

    def _retried(self, create: Callable[[], Object]) -> Object:
        pause = FIRST_RETRY_SECONDS
        for retry in range(CREATE_RETRIES + 1):
            try:
                return create()
            except (NotFound, NoMatch) as error:
                if self.preview or retry == CREATE_RETRIES:
                    raise
                self.report(f"Retry #{retry}; creation failed: {error}")
            self.cluster.connection.pause(pause)
            pause *= 2
        raise AssertionError("unreachable: the last retry raises")

    def update(
        self, inputs: Object, manager: str, patches: bool, ignored: Sequence[str], asked_seconds: float
    ) -> Object:
        """Apply a new declaration to an existing object and wait until it is ready."""
        check = readiness.check_of(inputs)
        ref = self.cluster.ref(inputs)
        live = self.cluster.get(ref)
        if is_crd(inputs) and not patches:
            updated = self._replace(inputs, live, manager)
        else:
            if not patches and not self.preview:
                live = self._take_over(ref, live, manager)
            declared = ownership.leave_ignored(inputs, live, manager, ignored)
            updated = self._apply(declared, manager, live)
        return updated if self.preview else self._ready(inputs, updated, check, asked_seconds)

    def _replace(self, inputs: Object, live: Object, manager: str) -> Object:
        metadata = inputs["metadata"] | {"resourceVersion": live["metadata"]["resourceVersion"]}
        return self.cluster.replace(inputs | {"metadata": metadata}, manager, self.preview)

    def _take_over(self, ref: Ref, live: Object, manager: str) -> Object:
        for _ in range(TAKE_OVER_RETRIES):
            entries = ownership.take_over(live, manager)
            if entries is None:
                return live
            try:
                return self.cluster.set_managed_fields(ref, live, entries)
            except Conflict:  # somebody has written the object in between
                live = self.cluster.get(ref)
        raise NotReady(live, "The object changes too often for its fields to be taken over.")

    def _apply(self, inputs: Object, manager: str, live: Object | None = None) -> Object:
        """Apply; `live` is the object as it is now, if it is known to exist."""
        force = self.force or flagged(inputs, "patchForce")
        if live is not None and not force:
            unowned = not nested(live, "metadata", "managedFields")
            force = unowned or (self.preview and ownership.created_by_pulumi(live))
        try:
            return self.cluster.apply(inputs, manager, force, self.preview)
        except Conflict as error:
            said = f'{CONFLICT_ADVICE} The resource managed by field manager "{manager}" had an apply conflict'
            raise Conflict(error.status, error.reason, f"{said}: {error.message}", error.details) from None

    def relinquish(self, inputs: Object, manager: str) -> None:
        """Give up every field that a manager applied, and leave the object."""
        try:
            live = self.cluster.get(self.cluster.ref(inputs))
        except (NotFound, NoMatch):
            return
        fields = ("name", "namespace", "uid")
        metadata = {field: live["metadata"][field] for field in fields if field in live["metadata"]}
        bare = {"apiVersion": inputs["apiVersion"], "kind": inputs["kind"], "metadata": metadata}
        self.cluster.apply(bare, manager, force=False, dry_run=False)

    def _ready(self, inputs: Object, live: Object, check: readiness.Check | None, asked_seconds: float) -> Object:
        if check is None:
            return live

        def missing(current: Object | None) -> str:
            if current is None:
                raise NotReady(live, "The object was deleted by somebody else.")
            if text := check(current):
                self.report(text)
            return text

        ref = self.cluster.ref(live)
        try:
            return self.cluster.wait(ref, missing, readiness.seconds(inputs, asked_seconds)) or live
        except TimedOut as error:
            raise NotReady(self._latest(ref, live), f"timed out: {error}") from None
        except Cancelled as error:
            raise NotReady(self._latest(ref, live), str(error)) from None

    def _latest(self, ref: Ref, live: Object) -> Object:
        try:
            return self.cluster.get(ref)
        except ApiError:
            return live

    def delete(self, live: Object, name: str, asked_seconds: float) -> None:
        """Delete an object and wait until it is gone; one that is gone already is deleted."""
        try:
            found = self.cluster.ref(live)
            ref = Ref(found.kind, found.namespace, name)
            self.cluster.delete(ref, PROPAGATION.get(annotation(live, "deletionPropagationPolicy"), "Foreground"))
        except (NotFound, NoMatch):
            return
        if flagged(live, "skipAwait") and live.get("kind") in readiness.ENDED_AT_ONCE:
            return
        self._gone(ref, nested(live, "metadata", "uid"), readiness.seconds(live, asked_seconds))

    def _gone(self, ref: Ref, uid: str | None, seconds: float) -> None:
        def present(current: Object | None) -> str:
            if current is None or (uid and current["metadata"]["uid"] != uid):
                return ""
            finalizers = nested(current, "metadata", "finalizers")
            held = ", ".join(finalizers) if is_list(finalizers) else ""
            text = f"finalizers might be preventing deletion ({held})" if held else "still exists"
            self.report(f"Waiting for {ref.name} to be deleted: {text}")
            return text

        try:
            self.cluster.wait(ref, present, seconds)
        except TimedOut as error:
            raise TimedOut(f'timed out waiting for "{ref.name}" to be deleted: {error}') from None
