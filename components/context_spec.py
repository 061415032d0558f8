"""From a declaration to the spec of a FederatedContext, checked against api/ before anything is created. Pure."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pydantic import ValidationError

from api.federated_context import FederatedContextSpec
from api.item import ContextPayload
from api.names import INLINE_LIMIT_BYTES
from components.declaration_args import ContextDeclarationArgs
from components.names import check_name
from core.values.canonical import size
from core.values.item_rules import check

_NOT_SPEC = frozenset({"name", "namespace", "items", "wait", "control_plane"})


def context_spec(declared: ContextDeclarationArgs) -> dict[str, Any]:
    """The spec of the FederatedContext as JSON: what was set, and nothing else, so that Pulumi owns nothing else.

    Raises:
        ValueError: a setting or an item is invalid; names context and item.
    """
    name = declared["name"]
    check_name("context", name)
    check_name(f"context {name!r}: namespace", declared["namespace"])
    _refuse_outputs(name, declared)
    raw = {key: value for key, value in declared.items() if key not in _NOT_SPEC}
    try:
        spec = FederatedContextSpec.model_validate({**raw, "context_payload": {"items": declared["items"]}})
    except ValidationError as error:
        raise ValueError(_explain(name, declared, error)) from None
    _refuse_unservable(name, spec)
    _refuse_too_large(name, spec.context_payload)
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)


def _refuse_outputs(name: str, declared: ContextDeclarationArgs) -> None:
    for item in declared["items"]:
        if _holds_output(item):
            raise ValueError(
                f"context {name!r}, item {item.get('name')!r}: holds a Pulumi output, and a payload is copied to every "
                "member in plain text. Give plain values; hand secrets to the MCP server by other means"
            )


def _holds_output(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_output(member) for member in value.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return any(_holds_output(member) for member in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return isinstance(value, pulumi.Output)


def _explain(name: str, declared: ContextDeclarationArgs, error: ValidationError) -> str:
    """All faults, each with the item's name; never with the value, which may be long or confidential."""
    lines: list[str] = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        match list(fault["loc"]):
            case ["contextPayload" | "context_payload", "items", int(index), *field]:
                where = f"item {declared['items'][index].get('name', f'number {index + 1}')!r}"
            case field:
                where = "spec"
        path = ".".join(str(part) for part in field)
        lines.append(f"context {name!r}, {where}: {f'{path}: ' if path else ''}{fault['msg']}")
    return "\n".join(lines)


def _refuse_unservable(name: str, spec: FederatedContextSpec) -> None:
    faults = [
        f"context {name!r}, item {item.name!r}: {fault}"
        for item in spec.context_payload.items
        for fault in check(spec.context_type, item.name, item.content)
    ]
    if faults:
        raise ValueError("\n".join(faults))


def _refuse_too_large(name: str, declared: ContextPayload) -> None:
    payload = declared.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)
    try:
        total = size(payload)
    except ValueError as error:
        raise ValueError(f"context {name!r}: the payload is not JSON that keeps its value: {error}") from None
    if total > INLINE_LIMIT_BYTES:
        largest = max(payload["items"], key=size)["name"]
        raise ValueError(
            f"context {name!r}: the payload has {total} bytes, the limit is {INLINE_LIMIT_BYTES}; its largest item is "
            f"{largest!r}. Split it into several contexts"
        )
