"""ContextReplicas as the federation controller reads them: whose they are, and which context they report on."""

from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from api.context_replica import ContextReplica
from api.names import OPERATOR_SITE
from core.hub.decide import kind_of
from kube.kinds import Object, ObjectKey

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Replica:
    """A cluster's or a person's replica, as stored and as read."""

    key: ObjectKey
    parsed: ContextReplica

    @property
    def cluster(self) -> str:
        """The cluster that it is of; empty for a person's."""
        return self.parsed.spec.cluster or ""

    @property
    def is_operators(self) -> bool:
        """Whether all its sites are people."""
        sites = self.parsed.spec.sites
        return bool(sites) and all(kind_of(state.site) == OPERATOR_SITE for state in sites)

    def is_confined_to(self, cluster: str) -> bool:
        """Whether all its sites are in a cluster."""
        return all(state.site.startswith(f"{cluster}/") for state in self.parsed.spec.sites)


def read_replica(key: ObjectKey, raw: Object) -> Replica | None:
    """The replica in a stored object; None, and a warning, if it does not fit its schema."""
    try:
        return Replica(key, ContextReplica.parse(raw))
    except ValidationError as error:
        _log.warning("replica ignored", replica=str(key), problems=error.error_count())
        return None


def sites_of(replica: Object | None) -> set[str]:
    """The sites that a stored replica names."""
    return {state["site"] for state in (replica or {}).get("spec", {}).get("sites", [])}


def context_key(replica: Object) -> ObjectKey:
    """Which context a stored replica reports on."""
    spec = replica.get("spec", {})
    return ObjectKey(spec.get("contextNamespace", ""), spec.get("context", ""))
