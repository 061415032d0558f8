"""CustomResourceDefinitions of our kinds, generated from the models."""

from dataclasses import dataclass, field
from typing import Any

from api.context_replica import ContextReplica
from api.context_revision import ContextRevision
from api.federated_context import FederatedContext
from api.mcp_context import MCPContext
from api.model import KubernetesObject
from api.names import GROUP, VERSION
from api.schema import structural


@dataclass(frozen=True)
class Column:
    """A printer column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True)
class Definition:
    """What a CRD says beyond its schema."""

    model: type[KubernetesObject]
    plural: str
    short_names: tuple[str, ...]
    columns: tuple[Column, ...] = field(default=())

    @property
    def kind(self) -> str:
        """Name of the kind."""
        return self.model.__name__

    @property
    def name(self) -> str:
        """Name of the CRD object."""
        return f"{self.plural}.{GROUP}"


DEFINITIONS = (
    Definition(
        FederatedContext,
        "federatedcontexts",
        ("fctx",),
        (
            Column("Type", ".spec.contextType"),
            Column("Server", ".spec.mcpServerName"),
            Column("Phase", ".status.phase"),
            Column("Version", ".status.version", "integer"),
            Column("Applied", ".status.applied"),
            Column("Conflicts", ".status.conflicts.open", "integer"),
            Column("Last-Writer", ".status.lastWriter", priority=1),
            Column("Digest", ".status.digest", priority=1),
            AGE,
        ),
    ),
    Definition(
        MCPContext,
        "mcpcontexts",
        ("mctx",),
        (
            Column("Server", ".spec.mcpServerName"),
            Column("Version", ".spec.version", "integer"),
            Column("Observed", ".status.observedVersion", "integer"),
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Digest", ".spec.digest", priority=1),
            AGE,
        ),
    ),
    Definition(
        ContextRevision,
        "contextrevisions",
        ("crev",),
        (
            Column("Context", ".spec.context"),
            Column("Version", ".spec.version", "integer"),
            Column("Origin", ".spec.cause[0].site"),
            Column("Time", ".spec.timestamp"),
            Column("Changed", ".spec.cause[*].items", priority=1),
            Column("Digest", ".spec.digest", priority=1),
            AGE,
        ),
    ),
    Definition(
        ContextReplica,
        "contextreplicas",
        ("crep",),
        (
            Column("Context", ".spec.context"),
            Column("Applied", ".spec.sites[*].appliedVersion"),
            Column("Pending", ".spec.sites[*].changes[*].item"),
            Column("Problems", ".spec.sites[*].problems[*].reason"),
            AGE,
        ),
    ),
)


def manifest(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition as a JSON object."""
    schema = structural(definition.model)
    properties = schema["properties"]
    properties["metadata"] = {"type": "object"}
    served: dict[str, Any] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        **properties,
    }
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {**schema, "required": ["spec"], "properties": served}},
        "additionalPrinterColumns": [_column(column) for column in definition.columns],
    }
    if "status" in properties:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition.name},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": list(definition.short_names),
                "categories": ["mcpfed"],
            },
            "versions": [version],
        },
    }


def _column(column: Column) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**shown, "priority": column.priority} if column.priority else shown
