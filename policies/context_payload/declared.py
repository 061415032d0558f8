"""A FederatedContext as a policy sees it: any JSON object, valid or not, its numbers all floating point. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True)
class DeclaredItem:
    """An item as declared, whatever is in it."""

    label: str
    """Its name, or its position where it has none."""
    body: Mapping[str, Any]

    @property
    def definition(self) -> Mapping[str, Any]:
        """The MCP object; empty where it is none."""
        return mapping(self.body.get("definition"))


@dataclass(frozen=True)
class DeclaredContext:
    """A context as declared."""

    name: str
    context_type: str
    conflict_policy: Mapping[str, Any]
    payload: Mapping[str, Any]
    items: Sequence[DeclaredItem]


def read_context(props: object) -> DeclaredContext:
    """The context in the inputs of a Pulumi resource; what is missing is empty, nothing is refused here."""
    resource = mapping(plain(props))
    spec, metadata = mapping(resource.get("spec")), mapping(resource.get("metadata"))
    payload = mapping(spec.get("contextPayload"))
    return DeclaredContext(
        name=str(metadata.get("name", "?")),
        context_type=str(spec.get("contextType", "")),
        conflict_policy=mapping(spec.get("conflictPolicy")),
        payload=payload,
        items=list(_items(payload.get("items"))),
    )


def _items(value: object) -> Iterator[DeclaredItem]:
    for number, item in enumerate(sequence(value), start=1):
        body = mapping(item)
        yield DeclaredItem(str(body.get("name") or f"number {number}"), body)


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """The value if it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def plain(value: object) -> Any:
    """The value in Python's own containers, whole numbers as integers: Pulumi turns every number into a float."""
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(member) for member in cast("Sequence[Any]", value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
