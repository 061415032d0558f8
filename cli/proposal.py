"""A person's changes: the proposal of a site of their own, on which the federation controller decides."""

import getpass
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.context_replica import ContextReplicaSpec, SiteState
from api.context_revision import ConflictRecord, ContextRevision, ContextRevisionSpec
from api.federated_context import FederatedContext, Phase
from api.item import ItemContent
from api.names import API_VERSION, CONTEXT_LABEL
from cli.following import Cache, following, until
from cli.problem import Problem
from cli.subject import Subject
from core.inspection.operator import operator_site, operator_state
from core.values.version_vector import includes
from kube.client import Api
from kube.errors import ApiError
from kube.kinds import CONTEXT_REPLICA, CONTEXT_REVISION, FEDERATED_CONTEXT, Object

OPERATOR_MANAGER: Final = "mcpfed-operator"
"""Field manager of what people propose."""
DECISION_SECONDS: Final = 30.0
"""A running federation controller decides within a fraction of this."""
APPLIED_SECONDS: Final = 120.0
"""Longest wait for the clusters."""


@dataclass(frozen=True)
class Decision:
    """What became of a person's changes."""

    version: int
    """The revision that took them in."""
    lost: list[ConflictRecord]
    """Changes that somebody else's, made at the same moment, kept out."""


async def propose(api: Api, subject: Subject, desired: Mapping[str, ItemContent | None]) -> Decision:
    """Gives items other contents (None deletes one) and waits until the control plane has decided.

    Raises:
        Problem: the context is suspended, or nothing was decided in time.
    """
    if subject.context.spec.suspended:
        raise Problem(f"{subject.name} is suspended and takes nothing in: set spec.suspended to false first")
    incarnation = secrets.token_hex(4)
    site = operator_site(await _user(api), incarnation)
    state = operator_state(site, subject.head, desired, time.time_ns() // 1_000_000)
    replica = _replica(subject.context, incarnation, state)
    await api.create(CONTEXT_REPLICA, replica, OPERATOR_MANAGER)
    decided = await _decided(api, subject.context, state)
    if decided is None:
        metadata = replica["metadata"]
        raise Problem(
            f"nothing decided on {subject.name} within {DECISION_SECONDS:.0f} s: is the federation controller running? "
            f"What was proposed stays until then; to withdraw it, delete ContextReplica {metadata['name']} in "
            f"namespace {metadata['namespace']}"
        )
    own = {change.dot for change in state.changes}
    lost = [record for record in decided.conflicts if record.lost.dot in own and not record.merged]
    return Decision(decided.version, lost)


async def applied(api: Api, context: FederatedContext, version: int) -> bool:
    """Whether every cluster serves a version, or a later one, within APPLIED_SECONDS."""
    metadata = context.metadata
    selector = f"metadata.name={metadata.name}"
    async with following(api, FEDERATED_CONTEXT, metadata.namespace, field_selector=selector) as (reflector, changed):
        return bool(await until(reflector, changed, lambda cache: _is_applied(cache, version) or None, APPLIED_SECONDS))


def _is_applied(cache: Cache, version: int) -> bool:
    statuses = [FederatedContext.parse(raw).status for raw in cache.values()]
    return any(status.version >= version and status.phase is Phase.APPLIED for status in statuses)


async def _decided(api: Api, context: FederatedContext, state: SiteState) -> ContextRevisionSpec | None:
    """The first revision that includes all changes of a site."""
    metadata = context.metadata

    def find(cache: Cache) -> ContextRevisionSpec | None:
        raws = [raw for raw in cache.values() if raw["spec"].get("versionVector", {}).get(state.site)]
        revisions = [ContextRevision.parse(raw).spec for raw in raws]
        including = [r for r in revisions if all(includes(r.version_vector, c.dot) for c in state.changes)]
        return min(including, key=lambda revision: (revision.epoch, revision.version), default=None)

    selector = f"{CONTEXT_LABEL}={metadata.name}"
    async with following(api, CONTEXT_REVISION, metadata.namespace, selector) as (reflector, changed):
        return await until(reflector, changed, find, DECISION_SECONDS)


def _replica(context: FederatedContext, incarnation: str, state: SiteState) -> Object:
    metadata = context.metadata
    spec = ContextReplicaSpec(context=metadata.name, context_namespace=metadata.namespace, sites=[state])
    owner = {"apiVersion": API_VERSION, "kind": "FederatedContext", "name": metadata.name, "uid": metadata.uid}
    return {
        "metadata": {
            "name": f"operator-{incarnation}.{metadata.name}",
            "namespace": metadata.namespace,
            "labels": {CONTEXT_LABEL: metadata.name},
            "ownerReferences": [owner],
        },
        "spec": spec.wire(),
    }


async def _user(api: Api) -> str:
    """The user's name on the control plane; on this machine if the control plane does not report it."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer: Any = await api.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    except ApiError:
        return getpass.getuser()
    return answer["status"]["userInfo"]["username"]
