"""Declarations in normal form, names, and pruning."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.pulumi_plugins.kubernetes.inputs import (
    AUTONAMED,
    Naming,
    autoname,
    imported,
    normalize,
    prune,
    with_namespace,
)
from fleet.pulumi_plugins.values import UNKNOWN, Secret

KEYS = st.sampled_from(["a", "b", "c", "d"])
TREES = st.recursive(
    st.integers(0, 3) | st.text("xyz", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, TREES)
NAMING = Naming("app", seed=b"seed")


@given(TREES)
def test_a_value_cut_to_its_own_shape_is_itself(value: Any) -> None:
    assert prune(value, value) == value


@given(TREES, TREES)
def test_pruning_twice_is_pruning_once(live: Any, shape: Any) -> None:
    assert prune(prune(live, shape), shape) == prune(live, shape)


@given(OBJECTS, OBJECTS)
def test_pruning_an_object_leaves_declared_keys_only(live: dict[str, Any], shape: dict[str, Any]) -> None:
    assert prune(live, shape).keys() == live.keys() & shape.keys()


def test_items_beyond_the_declared_ones_are_not_seen() -> None:
    assert prune({"items": [{"a": 1, "b": 2}, {"a": 3}]}, {"items": [{"a": 0}]}) == {"items": [{"a": 1}]}


@given(OBJECTS)
def test_normalizing_twice_is_normalizing_once(value: dict[str, Any]) -> None:
    assert normalize(normalize(value)) == normalize(value)


def test_what_the_server_writes_is_no_part_of_a_declaration() -> None:
    declared: dict[str, Any] = {
        "metadata": {"name": "a", "uid": "1", "resourceVersion": "2", "managedFields": []},
        "__defaults": [],
    }
    assert normalize(declared) == {"metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("api_version", "expected"), [("v1", {"name": "a"}), ("example.dev/v1", {"name": "a", "labels": {}})]
)
def test_empty_metadata_is_dropped_for_built_in_kinds_as_the_server_does(api_version: str, expected: object) -> None:
    declared: dict[str, Any] = {"apiVersion": api_version, "kind": "Any", "metadata": {"name": "a", "labels": {}}}
    assert normalize(declared)["metadata"] == expected


@pytest.mark.parametrize("texts", [{"key": "value"}, Secret({"key": "value"}), {"key": Secret("value")}])
def test_a_secrets_texts_become_its_data(texts: object) -> None:
    declared = {"apiVersion": "v1", "kind": "Secret", "stringData": texts, "data": {"other": "eA=="}}
    expected = Secret({"other": "eA==", "key": "dmFsdWU="})
    assert normalize(declared) == {"apiVersion": "v1", "kind": "Secret", "data": expected}


def test_a_secrets_texts_stay_texts_while_one_is_unknown() -> None:
    declared = {"apiVersion": "v1", "kind": "Secret", "stringData": {"key": UNKNOWN}}
    assert normalize(declared) == declared


def test_schema_extensions_get_their_dashes_back_in_a_definition_only() -> None:
    schema = {"x_kubernetes_preserve_unknown_fields": True}
    spec = {"versions": [{"schema": schema}], "preserveUnknownFields": False}
    normal = normalize({"kind": "CustomResourceDefinition", "spec": spec, "status": {}})
    assert normal["spec"] == {"versions": [{"schema": {"x-kubernetes-preserve-unknown-fields": True}}]}
    assert normalize({"kind": "Other", "spec": schema})["spec"] == schema


def test_a_name_is_made_once_and_kept() -> None:
    declared = {"metadata": {"labels": {"a": "b"}}}
    first = autoname(declared, {}, NAMING)
    assert first["metadata"]["name"].startswith("app-")
    assert len(first["metadata"]["name"]) == len("app-") + 8
    assert first["metadata"]["annotations"] == {AUTONAMED: "true"}
    assert first["metadata"]["labels"] == {"a": "b"}
    assert autoname(declared, {}, NAMING) == first
    assert autoname(declared, first, Naming("app", seed=b"another")) == first


def test_made_up_names_differ_without_a_seed() -> None:
    assert len({autoname({}, {}, Naming("app"))["metadata"]["name"] for _ in range(20)}) == 20


@pytest.mark.parametrize("metadata", [{"name": "own"}, {"generateName": "own-"}, {"name": UNKNOWN}, UNKNOWN])
def test_a_declared_name_is_left_as_it_is(metadata: object) -> None:
    assert autoname({"metadata": metadata}, {}, NAMING) == {"metadata": metadata}


def test_an_old_declared_name_is_not_adopted() -> None:
    assert autoname({}, {"metadata": {"name": "declared"}}, NAMING)["metadata"]["name"] != "declared"


def test_the_stack_decides_about_made_up_names() -> None:
    assert autoname({}, {}, Naming("app", proposed="given"))["metadata"]["name"] == "given"
    with pytest.raises(ValueError, match=r"set metadata\.name"):
        autoname({}, {}, Naming("app", disabled=True))


def test_a_namespace_is_set_removed_and_left_while_unknown() -> None:
    assert with_namespace({"metadata": {"name": "a"}}, "n") == {"metadata": {"name": "a", "namespace": "n"}}
    assert with_namespace({"metadata": {"name": "a", "namespace": "n"}}, "") == {"metadata": {"name": "a"}}
    assert with_namespace({"metadata": {"namespace": UNKNOWN}}, "n") == {"metadata": {"namespace": UNKNOWN}}


def test_an_imported_object_is_declared_without_status_and_the_servers_metadata() -> None:
    live = {"kind": "Thing", "metadata": {"name": "a", "uid": "1"}, "spec": {}, "status": {"phase": "Ready"}}
    assert imported(live) == {"kind": "Thing", "metadata": {"name": "a"}, "spec": {}}
