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

KEYS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=5)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not number.is_integer()
)
PLAIN = st.recursive(
    st.booleans() | st.text() | NUMBERS,
    lambda inner: st.lists(inner | st.none()) | st.dictionaries(KEYS, inner | st.none()),
    max_leaves=20,
)
VALUES = st.recursive(
    PLAIN | st.just(UNKNOWN) | st.builds(Secret, PLAIN),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=10,
)


@given(st.dictionaries(KEYS, VALUES))
def test_an_object_survives_the_wire(value: dict[str, Any]) -> None:
    assert decode(encode(value)) == value


@given(st.dictionaries(KEYS, VALUES))
def test_a_revealed_object_holds_no_secret_and_knows_as_much(value: dict[str, Any]) -> None:
    assert not holds_secret(reveal(value))
    assert holds_unknown(reveal(value)) == holds_unknown(value)


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES))
def test_keeping_secrets_changes_no_value_and_hides_at_least_as_much(
    value: dict[str, Any], given: dict[str, Any]
) -> None:
    kept = keep_secrets(value, given)
    assert reveal(kept) == reveal(value)
    assert holds_secret(kept) or not holds_secret(value)


@given(st.dictionaries(KEYS, VALUES))
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
