"""How concurrent changes are to be decided."""

from pydantic import ValidationError

from api.federated_context import ConflictPolicy
from policies.context_payload.declared import DeclaredContext
from policies.context_payload.rule import Faults, validation_faults


def conflict_policy(context: DeclaredContext) -> Faults:
    """The conflict policy has what it needs, e.g. ClusterPriority an order of clusters."""
    try:
        ConflictPolicy.model_validate(context.conflict_policy)
    except ValidationError as error:
        for fault in validation_faults(error):
            yield None, f"conflictPolicy: {fault}"
