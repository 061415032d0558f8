"""Reads Kubernetes objects as plain JSON: parts of them, and the Secrets and ConfigMaps that a pod refers to."""

import base64
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kube.kinds import Object


class Reference(NamedTuple):
    """Names a Secret or ConfigMap."""

    kind: str
    """`Secret` or `ConfigMap`."""
    namespace: str
    name: str


Snapshot = Mapping[Reference, Object]
"""The referenced objects that exist; an absent key is an absent object."""


class NotReadyError(Exception):
    """Something the pod needs is not there yet; the message names it. Goes away when the object appears."""


class UnsupportedError(Exception):
    """The pod asks for something that a process node does not offer; the message names the field."""


def child(obj: Object, field: str) -> Object:
    """The object in a field; empty where the field is absent or null."""
    return obj.get(field) or {}


def children(obj: Object, field: str) -> list[Object]:
    """The list of objects in a field; empty where the field is absent or null."""
    return obj.get(field) or []


def data_of(snapshot: Snapshot, reference: Reference, *, optional: bool) -> dict[str, bytes]:
    """Keys and contents of a Secret or ConfigMap; empty where it is optional and absent.

    Raises:
        NotReadyError: the object is absent and not optional.
    """
    found = snapshot.get(reference)
    if found is None:
        if optional:
            return {}
        raise NotReadyError(
            f'{reference.kind.lower()} "{reference.name}" not found in namespace "{reference.namespace}"'
        )
    encoded = child(found, "binaryData" if reference.kind == "ConfigMap" else "data")
    plain = child(found, "data") if reference.kind == "ConfigMap" else {}
    return {key: text.encode() for key, text in plain.items()} | {
        key: base64.b64decode(text) for key, text in encoded.items()
    }


def value_of(snapshot: Snapshot, reference: Reference, key: str, *, optional: bool) -> bytes | None:
    """One key's content, None where it is optional and absent.

    Raises:
        NotReadyError: the object or the key is absent and not optional.
    """
    data = data_of(snapshot, reference, optional=optional)
    if key not in data and not optional:
        raise NotReadyError(
            f'{reference.kind.lower()} "{reference.name}" in namespace "{reference.namespace}" has no key "{key}"'
        )
    return data.get(key)


def all_containers(pod: Object) -> list[Object]:
    """Init containers (sidecars among them), then the main ones."""
    spec = pod["spec"]
    return [*children(spec, "initContainers"), *spec["containers"]]


def references(pod: Object) -> set[Reference]:
    """Every Secret and ConfigMap that the pod's volumes and containers name."""
    namespace = pod["metadata"]["namespace"]
    named = [*_named_by_volumes(pod), *_named_by_containers(pod)]
    return {Reference(kind, namespace, name) for kind, name in named}


def _named_by_volumes(pod: Object) -> Iterator[tuple[str, str]]:
    for volume in children(pod["spec"], "volumes"):
        sources = children(child(volume, "projected"), "sources")
        for source in [volume, *sources]:
            if secret := source.get("secret"):
                yield "Secret", secret.get("secretName") or secret["name"]
            if config_map := source.get("configMap"):
                yield "ConfigMap", config_map["name"]


def _named_by_containers(pod: Object) -> Iterator[tuple[str, str]]:
    for container in all_containers(pod):
        chosen = [child(entry, "valueFrom") for entry in children(container, "env")]
        for source in [*chosen, *children(container, "envFrom")]:
            if secret := source.get("secretKeyRef") or source.get("secretRef"):
                yield "Secret", secret["name"]
            if config_map := source.get("configMapKeyRef") or source.get("configMapRef"):
                yield "ConfigMap", config_map["name"]
