"""metav1.Condition, and the condition types and reasons of our kinds."""

from typing import Final, Literal

from pydantic import Field

from api.model import Model


class Condition(Model):
    """One aspect of an object's state, as the Kubernetes API conventions define it."""

    type: str = Field(max_length=316)
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(min_length=1, max_length=1024)
    message: str = Field(max_length=32768)
    last_transition_time: str = Field(json_schema_extra={"format": "date-time"})
    observed_generation: int = Field(default=0, ge=0)


READY: Final = "Ready"
"""True: every placed cluster serves the head. Summary of all others (kstatus)."""
RECONCILING: Final = "Reconciling"
"""True while a revision is on its way (kstatus: abnormal when True for long)."""
STALLED: Final = "Stalled"
"""True when only a human can go on: the message says what to do (kstatus)."""
PROPAGATED: Final = "Propagated"
"""True: every placed cluster has applied the head."""
CONFLICTED: Final = "Conflicted"
"""True: conflicts wait for a decision."""
STALE: Final = "Stale"
"""True: a placed cluster has not reported for a while."""
HALTED: Final = "Halted"
"""True: a site publishes nothing, because it would delete so many items that a person must confirm it."""

REASON_APPLIED: Final = "Applied"
REASON_PROGRESSING: Final = "Progressing"
REASON_SUSPENDED: Final = "Suspended"
REASON_CLUSTER_NOT_FOUND: Final = "ClusterNotFound"
REASON_CLUSTER_NOT_READY: Final = "ClusterNotReady"
REASON_NO_CLUSTER: Final = "NoClusterSelected"
REASON_SERVER_NOT_FOUND: Final = "ServerNotFound"
REASON_NO_REPLICA: Final = "NoReplicaReady"
REASON_INVALID_ITEM: Final = "InvalidItem"
REASON_PAYLOAD_TOO_LARGE: Final = "PayloadTooLarge"
REASON_STALE: Final = "NotReporting"
REASON_PROPAGATION_FAILED: Final = "PropagationFailed"
REASON_INVALID_SPEC: Final = "InvalidSpec"
