"""project: the head becomes the MCPContext that Karmada propagates, see `propagation`."""

from typing import Any

from api.context_revision import ContextRevisionSpec
from api.federated_context import FederatedContext
from api.item import Item
from api.mcp_context import MCPContextSpec, ServedItem, ServedPayload, Tombstone
from api.names import API_VERSION
from core.hub.owned import metadata
from core.values.local_items import local_rules

Object = dict[str, Any]


def served(context: FederatedContext, head: ContextRevisionSpec) -> MCPContextSpec:
    """What the members shall serve."""
    live = [(item, item.content) for item in head.items]
    return MCPContextSpec(
        mcp_server_name=context.spec.mcp_server_name,
        context_type=context.spec.context_type,
        context_payload=ServedPayload(
            items=[
                ServedItem.model_validate({**Item.of(item.name, content).wire(), "dot": item.dot})
                for item, content in live
                if content is not None
            ]
        ),
        tombstones=[Tombstone(name=item.name, dot=item.dot) for item, content in live if content is None],
        epoch=head.epoch,
        version=head.version,
        timestamp=head.timestamp,
        digest=head.digest,
        chain_digest=head.chain_digest,
        version_vector=head.version_vector,
        local_items=local_rules(context.spec),
    )


def mcp_context(context: FederatedContext, head: ContextRevisionSpec) -> Object:
    """The MCPContext to apply on the control plane."""
    return {
        "apiVersion": API_VERSION,
        "kind": "MCPContext",
        "metadata": metadata(context, context.metadata.name),
        "spec": served(context, head).wire(),
    }


def revision_object(context: FederatedContext, name: str, spec: ContextRevisionSpec) -> Object:
    """The ContextRevision to create."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ContextRevision",
        "metadata": metadata(context, name),
        "spec": spec.wire(),
    }


def is_applied(stored: Object, desired: Object) -> bool:
    """Whether a stored object is as desired, and has no field that is desired no longer.

    Karmada adds defaults to a policy, but none to its cluster affinity.
    """
    if desired["kind"] == "MCPContext":
        return bool(stored["spec"] == desired["spec"])
    affinity = desired["spec"]["placement"]["clusterAffinity"]
    return covers(stored["spec"], desired["spec"]) and bool(stored["spec"]["placement"]["clusterAffinity"] == affinity)


def covers(observed: Any, desired: Any) -> bool:
    """Whether an observed value has everything that is desired; what others added does not count."""
    if isinstance(desired, dict) and isinstance(observed, dict):
        return all(key in observed and covers(observed[key], value) for key, value in desired.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(desired, list) and isinstance(observed, list):
        return len(desired) == len(observed) and all(map(covers, observed, desired))  # pyright: ignore[reportUnknownArgumentType]
    return bool(observed == desired)
