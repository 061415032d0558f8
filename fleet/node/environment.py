"""A container's environment: literal values, references to fields, Secrets and ConfigMaps, and `$(NAME)` expansion."""

import re
from collections.abc import Mapping

from fleet.node.objects import Reference, Snapshot, UnsupportedError, child, children, data_of, value_of
from kube.kinds import Object

_EXPANSION = re.compile(r"\$(?:(?P<dollar>\$)|\((?P<name>[^()]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(?P<map>labels|annotations)\['(?P<key>[^']+)'\]")


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by its value; `$$` stands for `$`, and an unknown name stays as it is written."""

    def replacement(match: re.Match[str]) -> str:
        return "$" if match["dollar"] else environment.get(match["name"], match[0])

    return _EXPANSION.sub(replacement, text)


def field_value(pod: Object, path: str) -> str:
    """Value of a downward API field of a pod whose status names its address.

    Raises:
        UnsupportedError: the field is not one of the downward API's.
    """
    metadata, spec, status = pod["metadata"], pod["spec"], child(pod, "status")
    if match := _SUBSCRIPT.fullmatch(path):
        return child(metadata, match["map"]).get(match["key"], "")
    fields = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "metadata.labels": _quoted_lines(child(metadata, "labels")),
        "metadata.annotations": _quoted_lines(child(metadata, "annotations")),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": ",".join(entry["ip"] for entry in children(status, "podIPs")),
        "status.hostIP": status.get("hostIP", ""),
    }
    if path not in fields:
        raise UnsupportedError(f'fieldRef "{path}" is not offered by a process node')
    return fields[path]


def container_environment(
    container: Object, pod: Object, base: Mapping[str, str], snapshot: Snapshot
) -> dict[str, str]:
    """Whole environment of a container: `base`, then `envFrom`, then `env` in order, each later one winning.

    Raises:
        NotReadyError: a referenced object or key is absent and not optional.
        UnsupportedError: a source that is not offered here.
    """
    environment = dict(base)
    for source in children(container, "envFrom"):
        environment |= _from_object(source, pod["metadata"]["namespace"], snapshot)
    for entry in children(container, "env"):
        if source := entry.get("valueFrom"):
            value = _from_source(source, pod, snapshot)
        else:
            value = expand(entry.get("value", ""), environment)
        if value is not None:
            environment[entry["name"]] = value
    return environment


def _from_object(source: Object, namespace: str, snapshot: Snapshot) -> dict[str, str]:
    kind = "Secret" if "secretRef" in source else "ConfigMap"
    named: Object = source.get("secretRef") or source["configMapRef"]
    data = data_of(snapshot, Reference(kind, namespace, named["name"]), optional=named.get("optional", False))
    return {source.get("prefix", "") + key: content.decode(errors="surrogateescape") for key, content in data.items()}


def _from_source(source: Object, pod: Object, snapshot: Snapshot) -> str | None:
    if field := source.get("fieldRef"):
        return field_value(pod, field["fieldPath"])
    for field_name, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if chosen := source.get(field_name):
            reference = Reference(kind, pod["metadata"]["namespace"], chosen["name"])
            content = value_of(snapshot, reference, chosen["key"], optional=chosen.get("optional", False))
            return None if content is None else content.decode(errors="surrogateescape")
    raise UnsupportedError(f"env valueFrom {', '.join(source)} is not offered by a process node")


def _quoted_lines(entries: Mapping[str, str]) -> str:
    escaped = {
        key: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for key, value in entries.items()
    }
    return "\n".join(f'{key}="{escaped[key]}"' for key in sorted(escaped))
