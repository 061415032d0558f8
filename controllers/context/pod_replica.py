"""The ContextReplica of one pod."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from api.context_replica import ContextReplica
from api.names import REPLICA_FINALIZER
from kube.kinds import Object, ObjectKey

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PodReplica:
    """What a pod holds and proposes of a context."""

    key: ObjectKey
    replica: ContextReplica
    finalizers: list[str]

    @property
    def is_deleted(self) -> bool:
        """Whether it goes as soon as its finalizers are released."""
        return self.replica.metadata.deletion_timestamp is not None

    @property
    def is_held(self) -> bool:
        """Whether it waits for us to let it go."""
        return self.is_deleted and REPLICA_FINALIZER in self.finalizers


def read_pod_replica(key: ObjectKey, raw: Object) -> PodReplica | None:
    """The replica in a stored object; None if it does not fit its schema: the replicas of other pods still count."""
    try:
        return PodReplica(key, ContextReplica.parse(raw), raw["metadata"].get("finalizers") or [])
    except ValidationError as error:
        # Only places: the values are what the pod holds.
        _log.error("replica ignored: not of this version of the API", replica=str(key), errors=_places(error))
        return None


def _places(error: ValidationError) -> list[str]:
    return [".".join(map(str, each["loc"])) for each in error.errors(include_input=False, include_url=False)]
