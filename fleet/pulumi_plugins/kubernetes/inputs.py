"""What a program declares, made comparable: normal form, names, and a live object cut to the shape of a declaration."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final

from fleet.pulumi_plugins.kubernetes.objects import built_in, flagged, is_crd, name_of, nested
from fleet.pulumi_plugins.values import UNKNOWN, Object, Secret, is_list, is_object

SERVER_SET: Final = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "uid",
    }
)
"""Fields of `metadata` that only the API server writes."""

AUTONAMED: Final = "pulumi.com/autonamed"
"""The annotation on an object whose name the provider made."""

_DASHED: Final = "x_kubernetes_"


def normalize(inputs: Object) -> Object:
    """Return a declaration as the API server would store it, as far as comparing needs it; secrets stay marked."""
    inputs = {key: value for key, value in inputs.items() if not key.startswith("__")}
    if is_crd(inputs):
        inputs = _normal_crd(inputs)
    if inputs.get("kind") == "Secret" and inputs.get("apiVersion") == "v1":
        inputs = _normal_secret(inputs)
    metadata = inputs.get("metadata")
    return inputs | {"metadata": _normal_metadata(metadata, built_in(inputs))} if is_object(metadata) else inputs


def _normal_metadata(metadata: Object, drop_empty: bool) -> Object:
    return {
        key: value
        for key, value in metadata.items()
        if key not in SERVER_SET and not (drop_empty and value in (None, {}, []))
    }


def _normal_crd(crd: Object) -> Object:
    crd = {key: _dashed(value) for key, value in crd.items() if key != "status"}
    if nested(crd, "spec", "preserveUnknownFields") is False:
        crd["spec"] = {key: value for key, value in crd["spec"].items() if key != "preserveUnknownFields"}
    return crd


def _dashed(value: Any) -> Any:
    """Rename what the SDKs cannot call `x-kubernetes-...`."""
    if is_object(value):
        return {key.replace("_", "-") if key.startswith(_DASHED) else key: _dashed(item) for key, item in value.items()}
    return [_dashed(item) for item in value] if is_list(value) else value


def _normal_secret(secret: Object) -> Object:
    """Move `stringData` into `data`, as the API server does; it stays where it is while any of it is unknown."""
    given = secret.get("stringData")
    texts = given.value if isinstance(given, Secret) else given
    held = secret.get("data")
    data = held.value if isinstance(held, Secret) else held
    if not is_object(texts) or not (data is None or is_object(data)):
        return secret
    encoded: Object = {}
    for key, text in texts.items():
        plain = text.value if isinstance(text, Secret) else text
        if not isinstance(plain, str):
            return secret
        encoded[key] = base64.b64encode(plain.encode()).decode()
    rest = {key: value for key, value in secret.items() if key not in {"stringData", "data"}}
    return rest | {"data": Secret((data or {}) | encoded)}


@dataclass(frozen=True)
class Naming:
    """How an object gets a name when its declaration has none."""

    logical: str
    """The Pulumi resource's name in the program."""
    seed: bytes = b""
    """Makes the suffix repeatable where the engine wants it so."""
    proposed: str = ""
    """A name that the stack's autonaming configuration asks for."""
    disabled: bool = False
    """The stack's configuration forbids made-up names."""


def autoname(inputs: Object, old: Object, naming: Naming) -> Object:
    """Return the declaration with a name: its own, the old made-up one, or a new `<logical>-<8 hex digits>`.

    Raises:
        ValueError: A name is needed and made-up names are disabled.
    """
    metadata: Any = inputs.get("metadata") or {}
    if not is_object(metadata) or metadata.get("name") or metadata.get("generateName"):
        return inputs
    if flagged(old, "autonamed"):
        name = name_of(old)
    elif naming.disabled:
        raise ValueError("Autonaming is disabled: set metadata.name.")
    else:
        suffix = hashlib.sha256(naming.seed).hexdigest()[:8] if naming.seed else secrets.token_hex(4)
        name = naming.proposed or f"{naming.logical}-{suffix}"
    annotations: Object = metadata.get("annotations") or {}
    return inputs | {"metadata": metadata | {"name": name, "annotations": annotations | {AUTONAMED: "true"}}}


def with_namespace(inputs: Object, namespace: str) -> Object:
    """Return an object in a namespace, or in none where `namespace` is ""."""
    metadata: Any = inputs.get("metadata") or {}
    if not is_object(metadata) or metadata.get("namespace") is UNKNOWN:
        return inputs
    rest = {key: value for key, value in metadata.items() if key != "namespace"}
    return inputs | {"metadata": rest | ({"namespace": namespace} if namespace else {})}


def prune(live: Any, shape: Any) -> Any:
    """Cut a live value to the keys, and to the number of items, that `shape` has."""
    if is_object(live) and is_object(shape):
        return {key: prune(value, shape[key]) for key, value in live.items() if key in shape}
    if is_list(live) and is_list(shape):
        return [prune(value, given) for value, given in zip(live, shape, strict=False)]
    return live


def imported(live: Object) -> Object:
    """Return the declaration that a live object would have: all that is not status or written by the server."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in SERVER_SET}
    return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}
