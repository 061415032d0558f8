"""The files of volumes."""

import base64

import pytest

from fleet.node.objects import NotReadyError, Reference, UnsupportedError, references
from fleet.node.volumes import File, TokenClaim, token_claims, volume_files
from kube.kinds import Object
from tests.unit.fleet.node.pods import a_container, a_pod

SECRET: Object = {"data": {"a": base64.b64encode(b"1").decode(), "b": base64.b64encode(b"2").decode()}}
CONFIG: Object = {"data": {"text": "t"}, "binaryData": {"raw": base64.b64encode(b"\xff").decode()}}
OBJECTS = {Reference("Secret", "apps", "s"): SECRET, Reference("ConfigMap", "apps", "c"): CONFIG}
TOKEN = {"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": "hub"}}


def files(**source: object) -> dict[str, File]:
    return volume_files({"name": "v", **source}, a_pod(), OBJECTS, {TokenClaim("hub", 600): "jwt"})


def test_a_secret_shows_all_its_keys_with_the_default_mode() -> None:
    assert files(secret={"secretName": "s", "defaultMode": 0o400}) == {"a": File(b"1", 0o400), "b": File(b"2", 0o400)}


def test_items_choose_keys_paths_and_modes() -> None:
    items = [{"key": "a", "path": "deep/one", "mode": 0o600}]
    assert files(secret={"secretName": "s", "items": items}) == {"deep/one": File(b"1", 0o600)}


def test_a_config_map_shows_text_and_binary_keys() -> None:
    assert files(configMap={"name": "c"}) == {"text": File(b"t"), "raw": File(b"\xff")}


def test_an_absent_optional_source_is_an_empty_volume() -> None:
    assert files(configMap={"name": "none", "optional": True}) == {}


def test_an_absent_source_is_awaited() -> None:
    with pytest.raises(NotReadyError, match='configmap "none" not found'):
        files(configMap={"name": "none"})


def test_a_projected_volume_gathers_its_sources() -> None:
    field = {"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}
    sources = [TOKEN, {"configMap": {"name": "c"}}, {"secret": {"name": "s"}}, {"downwardAPI": {"items": [field]}}]
    result = files(projected={"sources": sources})
    assert {path: file.content for path, file in result.items()} == {
        "token": b"jwt",
        "text": b"t",
        "raw": b"\xff",
        "a": b"1",
        "b": b"2",
        "ns": b"apps",
    }


def test_a_volume_type_that_is_not_offered_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match='volume "v": hostPath'):
        files(hostPath={"path": "/"})


def test_a_pods_references_and_tokens_are_found_wherever_they_are() -> None:
    env = [{"name": "E", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}]
    volumes: list[Object] = [
        {"name": "v1", "secret": {"secretName": "s"}},
        {"name": "v2", "projected": {"sources": [TOKEN, {"configMap": {"name": "c"}}]}},
        {"name": "v3", "emptyDir": {}},
    ]
    pod = a_pod(a_container(env=env, envFrom=[{"configMapRef": {"name": "all"}}]), volumes=volumes)
    named = {(reference.kind, reference.name) for reference in references(pod)}
    assert named == {("Secret", "s"), ("Secret", "env"), ("ConfigMap", "c"), ("ConfigMap", "all")}
    assert token_claims(pod) == {TokenClaim("hub", 600)}
