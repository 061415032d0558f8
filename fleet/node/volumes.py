"""Which files a pod's volume holds, as a pure function of the pod, the objects it names and its tokens."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fleet.node.environment import field_value
from fleet.node.objects import Reference, Snapshot, UnsupportedError, child, children, data_of, value_of
from kube.kinds import Object

DEFAULT_MODE = 0o644


class File(NamedTuple):
    """A file of a volume."""

    content: bytes
    mode: int = DEFAULT_MODE


class TokenClaim(NamedTuple):
    """A service account token that a pod asks for."""

    audience: str | None
    """None stands for the API server itself."""
    expiration_seconds: int


Files = dict[str, File]
"""Path relative to the volume → file."""


def is_empty_directory(volume: Object) -> bool:
    """Whether the volume is an emptyDir, whose files belong to the containers."""
    return "emptyDir" in volume


def token_claims(pod: Object) -> set[TokenClaim]:
    """All tokens that the pod's projected volumes ask for."""
    sources = [
        source
        for volume in children(pod["spec"], "volumes")
        for source in children(child(volume, "projected"), "sources")
    ]
    return {_claim(source["serviceAccountToken"]) for source in sources if "serviceAccountToken" in source}


def volume_files(volume: Object, pod: Object, snapshot: Snapshot, tokens: Mapping[TokenClaim, str]) -> Files:
    """Files of a configMap, secret, downwardAPI or projected volume.

    Raises:
        NotReadyError: a referenced object or key is absent and not optional.
        UnsupportedError: a volume type that is not offered here.
    """
    if projected := volume.get("projected"):
        mode = projected.get("defaultMode", DEFAULT_MODE)
        files: Files = {}
        for source in children(projected, "sources"):
            files |= _source_files(source, pod, mode, snapshot, tokens, volume["name"])
        return files
    mode = next(
        (volume[kind].get("defaultMode") for kind in ("secret", "configMap", "downwardAPI") if kind in volume), None
    )
    return _source_files(volume, pod, DEFAULT_MODE if mode is None else mode, snapshot, tokens, volume["name"])


def _source_files(
    source: Object, pod: Object, mode: int, snapshot: Snapshot, tokens: Mapping[TokenClaim, str], volume: str
) -> Files:
    namespace = pod["metadata"]["namespace"]
    if secret := source.get("secret"):
        reference = Reference("Secret", namespace, secret.get("secretName") or secret["name"])
        return dict(_object_files(secret, reference, mode, snapshot))
    if config_map := source.get("configMap"):
        return dict(_object_files(config_map, Reference("ConfigMap", namespace, config_map["name"]), mode, snapshot))
    if "downwardAPI" in source:
        return dict(_field_files(child(source, "downwardAPI"), pod, mode))
    if token := source.get("serviceAccountToken"):
        return {token["path"]: File(tokens[_claim(token)].encode(), mode)}
    kinds = ", ".join(key for key in source if key != "name")
    raise UnsupportedError(f'volume "{volume}": {kinds} is not offered by a process node')


def _object_files(source: Object, reference: Reference, mode: int, snapshot: Snapshot) -> Iterator[tuple[str, File]]:
    optional = source.get("optional", False)
    if "items" not in source:
        for key, content in data_of(snapshot, reference, optional=optional).items():
            yield key, File(content, mode)
        return
    for item in source["items"]:
        content = value_of(snapshot, reference, item["key"], optional=optional)
        if content is not None:
            yield item["path"], File(content, item.get("mode", mode))


def _field_files(source: Object, pod: Object, mode: int) -> Iterator[tuple[str, File]]:
    for item in children(source, "items"):
        if "fieldRef" not in item:
            raise UnsupportedError(f'downwardAPI item "{item["path"]}": only fieldRef is offered by a process node')
        yield item["path"], File(field_value(pod, item["fieldRef"]["fieldPath"]).encode(), item.get("mode", mode))


def _claim(token: Object) -> TokenClaim:
    return TokenClaim(token.get("audience") or None, token.get("expirationSeconds", 3600))
