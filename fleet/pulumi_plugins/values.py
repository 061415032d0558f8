"""Pulumi's property values: what the engine sends as protobuf Structs, as plain Python and back.

Plain JSON types stand for themselves. A number without a fraction is an int, as Kubernetes expects it. Two more things
travel inside a Struct: a secret (`Secret`) and a value that a preview cannot know yet (`UNKNOWN`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias, TypeGuard

from fleet.pulumi_plugins.messages import Message, struct_pb2

Object: TypeAlias = dict[str, Any]
"""A JSON object, possibly with `Secret` and `UNKNOWN` inside."""

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key that marks an object as one of Pulumi's special values."""

SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a constant of the protocol
"""The value of `SIGNATURE` in a secret."""

UNKNOWN_STRINGS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""What stands for a value that is not known yet: one string per type."""

_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""A value that will be known only when the program is applied."""


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in its state and never shows."""

    value: Any


def is_object(value: Any) -> TypeGuard[Object]:
    """Say whether a value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Say whether a value is a JSON array."""
    return isinstance(value, list)


def decode(struct: Message) -> Object:
    """Read a Struct from the engine. Nulls at the top level are left out, as the official provider does.

    Raises:
        ValueError: The Struct holds an asset, an archive or a resource reference.
    """
    read = {key: _decode(value) for key, value in struct.fields.items()}
    return {key: value for key, value in read.items() if value is not None}


def _decode(value: Message) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _decode_object(value.struct_value)
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "string_value":
            return UNKNOWN if value.string_value in UNKNOWN_STRINGS else value.string_value
        case "number_value":
            return int(value.number_value) if value.number_value.is_integer() else value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _decode_object(struct: Message) -> Any:
    if SIGNATURE not in struct.fields:
        return {key: _decode(value) for key, value in struct.fields.items()}
    if struct.fields[SIGNATURE].string_value == SECRET:
        return Secret(_decode(struct.fields["value"]))
    raise ValueError("Assets, archives and resource references cannot be part of a Kubernetes object.")


def encode(values: Mapping[str, Any]) -> Message:
    """Write an object as the engine reads it."""
    return struct_pb2.Struct(fields={key: _encode(value) for key, value in values.items()})


def _encode(value: Any) -> Message:
    if isinstance(value, Secret):
        fields = {SIGNATURE: struct_pb2.Value(string_value=SECRET), "value": _encode(value.value)}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    if is_object(value):
        return struct_pb2.Value(struct_value=encode(value))
    if is_list(value):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NullValue.NULL_VALUE)
    return struct_pb2.Value(string_value=_UNKNOWN_STRING if value is UNKNOWN else value)


def reveal(value: Any) -> Any:
    """Return a copy of a value in which no secret is marked any more."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if is_object(value):
        return {key: reveal(item) for key, item in value.items()}
    return [reveal(item) for item in value] if is_list(value) else value


def holds_unknown(value: Any) -> bool:
    """Say whether anything in a value is not known yet."""
    if isinstance(value, Secret):
        return holds_unknown(value.value)
    if is_object(value):
        return any(map(holds_unknown, value.values()))
    return any(map(holds_unknown, value)) if is_list(value) else value is UNKNOWN


def holds_secret(value: Any) -> bool:
    """Say whether anything in a value is secret."""
    if is_object(value):
        return any(map(holds_secret, value.values()))
    return any(map(holds_secret, value)) if is_list(value) else isinstance(value, Secret)


def keep_secrets(outputs: Object, inputs: Mapping[str, Any]) -> Object:
    """Mark in `outputs` what is secret in `inputs`, and everything that a Kubernetes Secret holds.

    An array is secret as a whole when any part of it is: its items may have moved.
    """
    if outputs.get("kind") == "Secret":
        return {
            key: Secret(value) if key in {"data", "stringData"} and not isinstance(value, Secret) else value
            for key, value in outputs.items()
        }
    return {key: _keep_secret(value, inputs.get(key)) for key, value in outputs.items()}


def _keep_secret(output: Any, given: Any) -> Any:
    if is_object(output) and is_object(given):
        return keep_secrets(output, given)
    return Secret(output) if holds_secret(given) and not isinstance(output, Secret) else output
