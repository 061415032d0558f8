"""What differs between a live object and a declaration, and what that means for the object."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.pulumi_plugins.kubernetes.diff import (
    Change,
    Edit,
    Path,
    changes,
    ignored,
    property_path,
    quantity,
    replacing,
)
from fleet.pulumi_plugins.values import UNKNOWN

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("xyz", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), TREES)
CUSTOM = {"apiVersion": "example.dev/v1", "kind": "Thing"}


def compare(old: dict[str, Any], new: dict[str, Any], **base: str) -> dict[str, Change]:
    kind = base or CUSTOM
    old, new = kind | old, kind | new
    return {property_path(path): change for path, change in changes(old, new, replacing(new)).items()}


def edits(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Edit]:
    return {path: change.edit for path, change in compare(old, new).items()}


@given(OBJECTS)
def test_nothing_differs_from_itself(value: dict[str, Any]) -> None:
    assert compare(value, value) == {}


@given(OBJECTS, OBJECTS)
def test_what_is_added_one_way_is_deleted_the_other(left: dict[str, Any], right: dict[str, Any]) -> None:
    mirror = {Edit.ADD: Edit.DELETE, Edit.DELETE: Edit.ADD, Edit.UPDATE: Edit.UPDATE}
    assert edits(left, right) == {path: mirror[edit] for path, edit in edits(right, left).items()}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"spec": {"a": 1}}, {"spec": {"a": 2}}, {"spec.a": Edit.UPDATE}),
        ({"spec": {"a": 1}}, {"spec": {"a": 1.0}}, {}),
        ({"spec": {"a": 1}}, {"spec": {"a": True}}, {"spec.a": Edit.UPDATE}),
        ({"spec": {}}, {"spec": {"a": 1}}, {"spec.a": Edit.ADD}),
        ({"spec": {}}, {"spec": {"a": None}}, {}),
        ({"spec": {"a": "default"}}, {"spec": {"a": None}}, {"spec.a": Edit.DELETE}),
        ({"spec": {"a": 1}}, {"spec": {}}, {"spec.a": Edit.DELETE}),
        ({"spec": [1, 2]}, {"spec": [1, 3, 4]}, {"spec[1]": Edit.UPDATE, "spec[2]": Edit.ADD}),
        ({"spec": [1, 2]}, {"spec": [1]}, {"spec[1]": Edit.DELETE}),
        ({"spec": {"a": {}}}, {"spec": {"a": []}}, {"spec.a": Edit.UPDATE}),
        ({"spec": {"a": 1}}, {"spec": {"a": UNKNOWN}}, {"spec.a": Edit.UPDATE}),
        ({"spec": {}}, {"spec": {"a": {}}}, {"spec.a": Edit.ADD}),
    ],
)
def test_each_difference_has_its_path_and_kind(old: dict[str, Any], new: dict[str, Any], expected: object) -> None:
    assert edits(old, new) == expected


@pytest.mark.parametrize("empty", [{}, [], "", 0, False])
def test_what_a_built_in_kind_drops_because_it_is_empty_is_no_difference(empty: object) -> None:
    assert compare({"spec": {}}, {"spec": {"a": empty}}, apiVersion="v1", kind="Service") == {}


DEPLOYMENT = ("apps/v1", "Deployment")
BINDING = ("rbac.authorization.k8s.io/v1", "RoleBinding")
THING = ("example.dev/v1", "Thing")


@pytest.mark.parametrize(
    ("kind", "path", "replaces"),
    [
        (("v1", "ConfigMap"), ("data", "a"), True),
        (("v1", "ConfigMap"), ("binaryData", "a"), True),
        (("v1", "ConfigMap"), ("metadata", "labels", "a"), False),
        (("v1", "Secret"), ("type",), True),
        (("v1", "Pod"), ("spec", "nodeName"), True),
        (DEPLOYMENT, ("spec", "selector", "matchLabels", "a"), True),
        (DEPLOYMENT, ("spec", "replicas"), False),
        (("apps/v1", "StatefulSet"), ("spec", "serviceName"), True),
        (BINDING, ("roleRef", "name"), True),
        (BINDING, ("subjects",), False),
        (("example.dev/v1", "ConfigMap"), ("data", "a"), False),
        (THING, ("metadata", "name"), True),
        (THING, ("metadata", "namespace"), True),
        (THING, ("metadata", "labels", "a"), False),
        (THING, ("spec", "a"), False),
    ],
)
def test_only_what_cannot_change_in_place_replaces(
    kind: tuple[str, str], path: tuple[str, ...], replaces: bool
) -> None:
    def holding(value: Any) -> dict[str, Any]:
        for key in reversed(path):
            value = {key: value}
        return value

    base = {"apiVersion": kind[0], "kind": kind[1]}
    assert compare(holding("old"), holding("new"), **base) == {property_path(path): Change(Edit.UPDATE, replaces)}


def test_adding_a_block_replaces_if_it_brings_what_cannot_change() -> None:
    [change] = compare({}, {"spec": {"serviceName": "a"}}, apiVersion="apps/v1", kind="StatefulSet").values()
    assert change == Change(Edit.ADD, replaces=True)
    [change] = compare({}, {"spec": {"replicas": 2}}, apiVersion="apps/v1", kind="StatefulSet").values()
    assert change == Change(Edit.ADD, replaces=False)


def test_content_may_change_in_place_where_the_provider_says_so_unless_the_object_is_immutable() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap"}
    assert ("data",) in replacing(config)
    assert ("data",) not in replacing(config, {"ConfigMap"})
    assert ("data",) in replacing(config | {"immutable": True}, {"ConfigMap"})


def test_another_group_replaces_and_another_version_does_not() -> None:
    base = {"kind": "Thing", "apiVersion": "a.dev/v1"}
    for api_version, replaces in (("b.dev/v1", True), ("a.dev/v2", False)):
        assert changes(base, base | {"apiVersion": api_version}, []) == {("apiVersion",): Change(Edit.UPDATE, replaces)}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", 1),
        ("250m", 0.25),
        ("1Ki", 1024),
        ("1.5Gi", 1.5 * 2**30),
        ("2E", 2e18),
        ("1e3", 1000),
        ("12E2", 1200),
        ("a", None),
    ],
)
def test_a_quantity_is_read(text: str, amount: float | None) -> None:
    assert quantity(text) == amount


def test_quantities_that_mean_the_same_do_not_differ_and_other_texts_do() -> None:
    old = {"spec": {"limits": {"cpu": "1", "memory": "1Gi"}, "version": "1"}}
    new = {"spec": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "version": "1000m"}}
    assert edits(old, new) == {"spec.version": Edit.UPDATE}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "ports", 0, "name"), "spec.ports[0].name"),
        (("metadata", "annotations", "a.b/c"), 'metadata.annotations["a.b/c"]'),
        (('say "hi".',), '["say \\"hi\\"."]'),
    ],
)
def test_a_path_is_written_as_pulumi_shows_it(path: Path, text: str) -> None:
    assert property_path(path) == text


def test_a_program_ignores_a_property_and_all_under_it() -> None:
    assert ignored(("spec", "a", "b"), ["spec.a"])
    assert ignored(("spec", "a", 0), ["spec.a"])
    assert ignored(("spec", "a"), ["spec.a"])
    assert not ignored(("spec", "ab"), ["spec.a"])
    assert not ignored(("spec",), ["spec.a"])
