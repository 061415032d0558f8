"""Base of all API types: camelCase on the wire, immutable in memory, unknown fields refused."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A part of a Kubernetes object. Docstrings of its attributes become the descriptions in the CRD."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    cel: ClassVar[list[tuple[str, str]]] = []
    """Rules that the API server checks, as (CEL expression, message)."""

    def wire(self) -> dict[str, Any]:
        """As a JSON object: camelCase, absent instead of null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Extensible(Model):
    """A part that others may extend: unknown fields are ignored, so an older reader survives a newer writer."""

    model_config = ConfigDict(extra="ignore")


class OwnerReference(Extensible):
    """What the controllers read of an owner reference."""

    uid: str
    controller: bool = False


class ObjectMeta(Extensible):
    """What the controllers read of metadata."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: list[OwnerReference] = Field(default_factory=list[OwnerReference])

    @property
    def owner_uid(self) -> str:
        """Uid of the controlling owner, empty without one."""
        return next((owner.uid for owner in self.owner_references if owner.controller), "")


class KubernetesObject(Extensible):
    """An object of one of our kinds: metadata, spec and, where it has one, status."""

    metadata: ObjectMeta

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Self:
        """From the API server's JSON.

        Raises:
            pydantic.ValidationError: the object does not have the shape of this kind.
        """
        return cls.model_validate(raw)
