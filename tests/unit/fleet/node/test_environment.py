"""A container's environment variables."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.environment import container_environment, expand, field_value
from fleet.node.objects import NotReadyError, Reference, Snapshot, UnsupportedError
from kube.kinds import Object
from tests.unit.fleet.node.pods import a_container, a_pod

SECRET: Object = {"data": {"password": base64.b64encode(b"hunter2").decode()}}
CONFIG: Object = {"data": {"level": "debug"}}
OBJECTS: Snapshot = {Reference("Secret", "apps", "s"): SECRET, Reference("ConfigMap", "apps", "c"): CONFIG}


def environment(*entries: Object, **container: Any) -> dict[str, str]:
    return container_environment(a_container(env=list(entries), **container), a_pod(), {"BASE": "b"}, OBJECTS)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)-$(A)", "1-1"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
    ],
)
def test_names_in_parentheses_are_expanded(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


@given(st.text(alphabet=st.characters(exclude_characters="$")))
def test_text_without_a_dollar_stays(text: str) -> None:
    assert expand(text, {"A": "1"}) == text


def test_later_entries_see_earlier_ones_and_win() -> None:
    result = environment(
        {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(BASE)"}, {"name": "A", "value": "2"}
    )
    assert result == {"BASE": "b", "A": "2", "B": "1b"}


def test_values_come_from_secrets_config_maps_and_the_pod() -> None:
    result = environment(
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "level"}}},
        {"name": "F", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        envFrom=[{"prefix": "X_", "configMapRef": {"name": "c"}}],
    )
    assert result == {"BASE": "b", "X_level": "debug", "S": "hunter2", "C": "debug", "F": "127.5.1.1"}


def test_an_absent_object_or_key_is_awaited_unless_it_is_optional() -> None:
    with pytest.raises(NotReadyError, match='secret "none" not found in namespace "apps"'):
        environment({"name": "S", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k"}}})
    with pytest.raises(NotReadyError, match=r'secret "s" .* has no key "k"'):
        environment({"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}})
    optional = {"name": "S", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k", "optional": True}}}
    assert "S" not in environment(optional)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.labels['a']", "1"),
        ("metadata.labels['none']", ""),
        ("metadata.labels", 'a="1"\nb="2"'),
        ("metadata.uid", "u1"),
        ("spec.serviceAccountName", "default"),
        ("status.podIPs", "127.5.1.1"),
    ],
)
def test_fields_of_the_downward_api(path: str, value: str) -> None:
    assert field_value(a_pod(), path) == value


def test_a_field_outside_the_downward_api_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"spec\.priority"):
        field_value(a_pod(), "spec.priority")
