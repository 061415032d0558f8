"""gather: one context as the caches show it: the declaration, what clusters and people propose, and its history."""

from dataclasses import dataclass

from pydantic import ValidationError

from api.condition import REASON_INVALID_SPEC, REASON_PAYLOAD_TOO_LARGE
from api.context_replica import SiteState
from api.context_revision import ContextRevisionSpec
from api.federated_context import FederatedContext
from api.names import INLINE_LIMIT_BYTES
from controllers.federation.caches import ControlPlaneCaches
from controllers.federation.replicas import Replica
from core.hub.context_status import SpecProblem
from core.hub.placement import placed
from core.values import canonical
from core.values.chain import linked
from kube.controller import Stalled
from kube.kinds import Object, ObjectKey


@dataclass(frozen=True)
class Observed:
    """One context and what its clusters propose."""

    caches: ControlPlaneCaches
    key: ObjectKey
    context: FederatedContext
    clusters: list[str]
    replicas: list[Replica]
    """What placed clusters hold and propose; other members' proposals do not count."""
    operators: list[Replica]
    """What people propose."""
    problem: SpecProblem | None

    @property
    def revisions(self) -> list[ContextRevisionSpec]:
        """The stored revisions as they are by now, oldest first."""
        return self.caches.log.revisions(self.key, self.context.metadata.uid)

    @property
    def history(self) -> list[ContextRevisionSpec]:
        """The retained history: those of the stored revisions that lead to the head."""
        return linked(self.revisions)

    @property
    def sites(self) -> list[SiteState]:
        """All sites that propose changes."""
        return [site for replica in [*self.replicas, *self.operators] for site in replica.parsed.spec.sites]


def gather(caches: ControlPlaneCaches, key: ObjectKey) -> Observed | None:
    """What there is of a context; None if it is gone or going.

    Raises:
        Stalled: the object does not fit its schema.
    """
    raw = caches.contexts.cache.get(key)
    if raw is None or raw["metadata"].get("deletionTimestamp"):
        return None
    try:
        context = FederatedContext.parse(raw)
    except ValidationError as error:
        raise Stalled(
            REASON_INVALID_SPEC, f"{key}: {_first(error, raw)}; members keep the last good version"
        ) from error
    clusters = placed(context.spec, caches.labels())
    replicas = [replica for cluster in clusters if (replica := caches.replica(cluster, key))]
    return Observed(caches, key, context, clusters, replicas, caches.operators(key), _problem(context))


def _problem(context: FederatedContext) -> SpecProblem | None:
    size = canonical.size(context.spec.context_payload.wire())
    if size <= INLINE_LIMIT_BYTES:
        return None
    message = (
        f"the payload has {size} bytes, {INLINE_LIMIT_BYTES} is the limit: split the context or shorten items; "
        "members keep the last good version"
    )
    return SpecProblem(REASON_PAYLOAD_TOO_LARGE, message)


def _first(error: ValidationError, raw: Object) -> str:
    """Which field is wrong, and why; items by their names."""
    first = error.errors(include_input=False, include_url=False)[0]
    match first["loc"]:
        case ("spec", "contextPayload", "items", int() as index, *field):
            place = ["item", raw["spec"]["contextPayload"]["items"][index].get("name", index), *field]
        case loc:
            place = loc
    return f"{' '.join(map(str, place))}: {first['msg']}"
