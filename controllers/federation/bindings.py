"""ResourceBindings: what Karmada reports of applying a context's MCPContext in each member."""

from typing import Any

from kube.kinds import Object, ObjectKey


def binding_key(context: ObjectKey) -> ObjectKey:
    """The ResourceBinding that Karmada makes for a context's MCPContext."""
    return ObjectKey(context.namespace, f"{context.name}-mcpcontext")


def bound_object(binding: Object) -> ObjectKey:
    """The object that a ResourceBinding propagates."""
    resource: Object = binding.get("spec", {}).get("resource", {})
    return ObjectKey(resource.get("namespace", ""), resource.get("name", ""))


def failures(binding: Object | None) -> dict[str, Any]:
    """Why applying failed, by cluster where it did; an empty text if Karmada gives no reason."""
    items = (binding or {}).get("status", {}).get("aggregatedStatus", [])
    return {item["clusterName"]: item.get("appliedMessage", "") for item in items if not item.get("applied")}
