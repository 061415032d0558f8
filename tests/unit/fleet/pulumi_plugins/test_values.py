"""Pulumi's property values on the wire and in Python."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.pulumi_plugins.messages import struct_pb2
from fleet.pulumi_plugins.values import (
    SECRET,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_STRINGS,
    Secret,
    decode,
    encode,
    holds_secret,
    holds_unknown,
    keep_secrets,
    reveal,
)

KEYS = st.sampled_from(["a", "b", "kind", "data"])
NUMBERS = st.integers(-(2**53), 2**53) | st.sampled_from([0.5, -1.25, 1e-9])
LEAVES = st.booleans() | st.text(max_size=3) | NUMBERS | st.just(UNKNOWN)


def inside(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = inner | st.none()
    return st.lists(some, max_size=3) | st.dictionaries(KEYS, some, max_size=3) | inner.map(Secret)


OBJECTS = st.dictionaries(KEYS, st.recursive(LEAVES, inside, max_leaves=6), max_size=3)


@given(OBJECTS)
def test_an_object_survives_the_wire(value: dict[str, Any]) -> None:
    assert decode(encode(value)) == value


@given(OBJECTS)
def test_a_revealed_object_holds_no_secret_and_knows_as_much(value: dict[str, Any]) -> None:
    assert not holds_secret(reveal(value))
    assert holds_unknown(reveal(value)) == holds_unknown(value)


@given(OBJECTS, OBJECTS)
def test_keeping_secrets_changes_no_value_and_hides_at_least_as_much(
    value: dict[str, Any], given: dict[str, Any]
) -> None:
    kept = keep_secrets(value, given)
    assert reveal(kept) == reveal(value)
    assert holds_secret(kept) or not holds_secret(value)


@given(OBJECTS)
def test_what_was_given_as_a_secret_stays_one(given: dict[str, Any]) -> None:
    kept = keep_secrets(reveal(given), given)
    assert holds_secret(kept) == holds_secret(given)


def test_a_number_without_a_fraction_is_an_integer_and_a_null_stays_inside_only() -> None:
    struct = struct_pb2.Struct()
    struct.update({"whole": 2.0, "half": 2.5, "nothing": None, "inner": {"nothing": None}})
    decoded = decode(struct)
    assert decoded == {"whole": 2, "half": 2.5, "inner": {"nothing": None}}
    assert isinstance(decoded["whole"], int)


@pytest.mark.parametrize("text", sorted(UNKNOWN_STRINGS))
def test_every_kind_of_unknown_is_read(text: str) -> None:
    struct = struct_pb2.Struct()
    struct.update({"spec": {"later": text}})
    assert decode(struct) == {"spec": {"later": UNKNOWN}}


def test_a_secret_is_read_and_another_special_value_is_refused() -> None:
    struct = struct_pb2.Struct()
    struct.update({"token": {SIGNATURE: SECRET, "value": "word"}})
    assert decode(struct) == {"token": Secret("word")}
    struct.update({"token": {SIGNATURE: "an asset", "text": "word"}})
    with pytest.raises(ValueError, match="Assets"):
        decode(struct)


def test_what_a_kubernetes_secret_holds_is_secret_wherever_it_comes_from() -> None:
    kept = keep_secrets({"kind": "Secret", "data": {"key": "dmFsdWU="}, "type": "Opaque"}, {})
    assert kept == {"kind": "Secret", "data": Secret({"key": "dmFsdWU="}), "type": "Opaque"}
