"""Objects that a FederatedContext owns: they go when it goes."""

from typing import Any

from api.federated_context import FederatedContext
from api.names import API_VERSION, CONTEXT_LABEL

Object = dict[str, Any]


def metadata(context: FederatedContext, name: str) -> Object:
    """Metadata of an object in the context's namespace."""
    return {
        "name": name,
        "namespace": context.metadata.namespace,
        "labels": {CONTEXT_LABEL: context.metadata.name},
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": "FederatedContext",
                "name": context.metadata.name,
                "uid": context.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
