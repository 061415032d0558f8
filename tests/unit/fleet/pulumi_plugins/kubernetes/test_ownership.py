"""Field managers: taking over earlier ones, and fields that a program ignores."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.pulumi_plugins.kubernetes.ownership import created_by_pulumi, leave_ignored, take_over, unite

NO_FIELDS: dict[str, Any] = {}
FIELDS = st.recursive(
    st.just(NO_FIELDS), lambda inner: st.dictionaries(st.sampled_from(["f:a", "f:b", "f:c", "."]), inner), max_leaves=8
)


def entry(manager: str, operation: str = "Update", fields: dict[str, Any] | None = None, **more: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "fieldsV1": {"f:spec": {}} if fields is None else fields,
        **more,
    }


def live(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"metadata": {"managedFields": list(entries)}, **more}


@given(FIELDS, FIELDS, FIELDS)
def test_field_sets_unite_in_any_order_and_once(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
    assert unite(a, b) == unite(b, a)
    assert unite(a, unite(b, c)) == unite(unite(a, b), c)
    assert unite(a, a) == a


@pytest.mark.parametrize(
    ("manager", "operation", "taken"),
    [
        ("kubectl-edit", "Update", True),
        ("kubectl", "Apply", True),
        ("before-first-apply", "Update", True),
        ("pulumi-kubernetes", "Update", True),
        ("pulumi-resource-kubernetes", "Update", True),
        ("pulumi-kubernetes-0123abcd", "Apply", False),
        ("mcpfed-federation", "Update", False),
        ("mcpfed-federation", "Apply", False),
    ],
)
def test_earlier_managers_are_taken_over_and_others_are_not(manager: str, operation: str, taken: bool) -> None:
    entries = take_over(live(entry(manager, operation), entry("stranger")), "mine")
    assert (entries is not None) == taken
    if entries is not None:
        assert entries == [entry("stranger"), entry("mine", "Apply")]


def test_what_is_taken_over_is_united_with_what_was_owned() -> None:
    own = entry("mine", "Apply", {"f:spec": {"f:a": {}}}, time="then")
    earlier = entry("pulumi-kubernetes", fields={"f:spec": {"f:b": {}}})
    expected = entry("mine", "Apply", {"f:spec": {"f:a": {}, "f:b": {}}}, time="then")
    assert take_over(live(own, earlier), "mine") == [expected]


def test_a_subresource_keeps_its_manager() -> None:
    assert take_over(live(entry("kubectl", subresource="status")), "mine") is None


def test_an_object_that_no_update_has_touched_is_recognized() -> None:
    assert created_by_pulumi(live(entry("pulumi-kubernetes")))
    assert not created_by_pulumi(live(entry("pulumi-kubernetes-0123abcd", "Apply"), entry("other")))


def test_an_ignored_field_of_others_is_not_sent() -> None:
    current = live(entry("other", fields={"f:spec": {"f:a": {}}}), spec={"a": 99})
    assert leave_ignored({"spec": {"a": 1, "b": 2}}, current, "mine", ["spec.a"]) == {"spec": {"b": 2}}


def test_an_ignored_field_of_ours_is_sent_as_it_is_now() -> None:
    shared: dict[str, Any] = {"f:spec": {"f:a": {}}}
    current = live(entry("other", fields=shared), entry("mine", "Apply", shared), spec={"a": 99})
    assert leave_ignored({"spec": {"a": 1}}, current, "mine", ["spec.a"]) == {"spec": {"a": 99}}


def test_an_ignored_field_that_nobody_has_is_sent_as_declared() -> None:
    assert leave_ignored({"spec": {"a": 1}}, live(), "mine", ["spec.a"]) == {"spec": {"a": 1}}
