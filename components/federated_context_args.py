"""What a context is declared with, and its check against the API types before anything is created. Pure."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s
from pydantic import ValidationError

from api.federated_context import FederatedContextSpec
from api.item import ContextPayload
from api.names import INLINE_LIMIT_BYTES
from components.names import check_name
from components.payload import ItemArgs
from components.placement import LabelSelectorArgs
from core.values.canonical import size
from core.values.item_rules import check


class ConflictRuleArgs(TypedDict):
    """An exception for the items whose name matches; the first match holds."""

    match: str
    """Shell-style pattern over item names, e.g. `notes/*`."""
    policy: NotRequired[str]
    """Conflict policy of these items."""
    direction: NotRequired[str]
    """Direction of these items."""


class ConflictPolicyArgs(TypedDict):
    """How concurrent changes are decided."""

    default: NotRequired[str]
    """Conflict policy of all items that no rule matches."""
    rules: NotRequired[list[ConflictRuleArgs]]
    """Exceptions."""


class HistoryArgs(TypedDict):
    """How much of the past is kept."""

    revisions: NotRequired[int]
    """Number of revisions kept."""


class FederatedContextSettings(TypedDict):
    """A context, apart from where it is declared."""

    name: str
    """Name of the context."""
    namespace: str
    """Namespace of the context and of its MCP server; must exist on the control plane."""
    mcp_server_name: str
    """Name of the Deployment or StatefulSet that serves it."""
    context_type: str
    """Which of the MCP server's primitives the items are: tools, resources or prompts."""
    items: list[ItemArgs]
    """The declared items. Members may change them afterwards; what changes here is merged with that."""
    clusters: NotRequired[list[str]]
    """Names of the members that serve it. Neither this nor `cluster_selector`: every member."""
    cluster_selector: NotRequired[LabelSelectorArgs]
    """Selects the members that serve it."""
    conflict_policy: NotRequired[ConflictPolicyArgs]
    """How concurrent changes are decided."""
    direction: NotRequired[str]
    """Which way changes flow: TwoWay, FromControlPlane, FromMember or Local."""
    history: NotRequired[HistoryArgs]
    """How much of the past is kept."""
    suspended: NotRequired[bool]
    """Stop merging and projecting; members keep what they have."""
    wait: NotRequired[bool]
    """Wait until every placed member serves it; default false: a member that is down then fails no update."""


class FederatedContextArgs(FederatedContextSettings):
    """A context and where it is declared."""

    control_plane: k8s.Provider
    """The control plane."""


_NOT_SPEC = frozenset({"name", "namespace", "items", "wait", "control_plane"})


def context_spec(settings: FederatedContextSettings) -> dict[str, Any]:
    """The spec of the FederatedContext as JSON: what was set, and nothing else, so that Pulumi owns nothing else.

    Raises:
        ValueError: a setting or an item is invalid; names context and item.
    """
    name = settings["name"]
    check_name("context", name)
    check_name(f"context {name!r}: namespace", settings["namespace"])
    _refuse_outputs(name, settings)
    raw = {key: value for key, value in settings.items() if key not in _NOT_SPEC}
    try:
        spec = FederatedContextSpec.model_validate({**raw, "context_payload": {"items": settings["items"]}})
    except ValidationError as error:
        raise ValueError(_explain(name, settings, error)) from None
    _refuse_unservable(name, spec)
    _refuse_too_large(name, spec.context_payload)
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)


def _refuse_outputs(name: str, settings: FederatedContextSettings) -> None:
    for item in settings["items"]:
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


def _explain(name: str, settings: FederatedContextSettings, error: ValidationError) -> str:
    """All faults, each with the item's name; never with the value, which may be long or confidential."""
    lines: list[str] = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        match list(fault["loc"]):
            case ["contextPayload" | "context_payload", "items", int(index), *field]:
                where = f"item {settings['items'][index].get('name', f'number {index + 1}')!r}"
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
