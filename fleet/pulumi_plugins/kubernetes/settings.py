"""The provider's own configuration: what it means, and whether a change of it replaces every object."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from fleet.pulumi_plugins.kubernetes.objects import nested
from fleet.pulumi_plugins.values import UNKNOWN, Object, is_list, is_object, reveal

UNSUPPORTED: Final = ("renderYamlToDirectory", "helmReleaseSettings")
"""Options of the official provider that change what it does and that the stand-in does not have."""


@dataclass(frozen=True)
class Settings:
    """A provider's configuration, read once."""

    kubeconfig: str = ""
    """Contents, YAML or JSON, or a path; "" for the ambient one."""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    mutable: frozenset[str] = frozenset()
    """Those of `ConfigMap` and `Secret` that are updated in place when their content changes."""
    force: bool = False
    """Every update overrides other field managers."""


def read(values: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Read a provider's configuration; what it leaves open comes from the environment.

    Raises:
        ValueError: It asks for something that the stand-in cannot do.
    """
    given = {key: value for key, value in reveal(dict(values)).items() if value not in (None, "", UNKNOWN)}
    for option in UNSUPPORTED:
        if option in given:
            raise ValueError(f"Provider option {option} is not supported by the local fleet's stand-in.")

    def enabled(option: str, variable: str, default: str = "false") -> bool:
        return str(given.get(option, environment.get(variable, default))).lower() == "true"

    if not enabled("enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", "true"):
        raise ValueError("enableServerSideApply=false is not supported by the local fleet's stand-in.")
    mutable = {
        "ConfigMap": enabled("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
        "Secret": enabled("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
    }
    texts = {key: str(given.get(key, "")) for key in ("kubeconfig", "context", "cluster", "namespace")}
    return Settings(
        **texts,
        mutable=frozenset(kind for kind, allowed in mutable.items() if allowed),
        force=enabled("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    )


def parse_kubeconfig(text: str) -> Object:
    """Read a kubeconfig from its contents or from a path; {} for "".

    Raises:
        ValueError: It is neither, or no mapping.
    """
    path = Path(text).expanduser() if text and "\n" not in text and not text.lstrip().startswith("{") else None
    if path is not None and not path.is_file():
        raise ValueError("The provider's kubeconfig is neither a file nor the contents of one.")
    try:
        read = yaml.safe_load(path.read_text() if path else text)
    except yaml.YAMLError:
        raise ValueError("The provider's kubeconfig is not valid YAML.") from None
    if not is_object(read) and read is not None:
        raise ValueError("The provider's kubeconfig is not a mapping.")
    return read or {}


def entry(kubeconfig: Object, collection: str, kind: str, name: str) -> Object:
    """Return the named cluster, context or user of a kubeconfig; {} where there is none."""
    entries = kubeconfig.get(collection)
    for item in entries if is_list(entries) else ():
        if nested(item, "name") == name:
            return nested(item, kind) or {}
    return {}


def active_cluster(settings: Settings) -> Object:
    """Return the cluster block that a configuration points to; {} where it cannot be told."""
    try:
        kubeconfig = parse_kubeconfig(settings.kubeconfig)
    except ValueError:
        return {}
    context = entry(kubeconfig, "contexts", "context", settings.context or str(kubeconfig.get("current-context", "")))
    return entry(kubeconfig, "clusters", "cluster", settings.cluster or str(context.get("cluster", "")))


@dataclass(frozen=True)
class ConfigChange:
    """What a new configuration changes."""

    changed: tuple[str, ...]
    replaces: tuple[str, ...]
    """The options because of which the provider, and every object on it, is replaced."""


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> ConfigChange:
    """Compare two configurations as the engine keeps them.

    With a `clusterIdentifier` only its change replaces; without one a change of the active cluster's block does, and
    so does a kubeconfig that is not known yet.
    """
    before, after = reveal(dict(old)), reveal(dict(new))
    keys = sorted((before.keys() | after.keys()) - {"version"})
    changed = tuple(key for key in keys if before.get(key) != after.get(key))
    if before.get("clusterIdentifier") or after.get("clusterIdentifier"):
        return ConfigChange(changed, tuple(key for key in changed if key == "clusterIdentifier"))
    if after.get("kubeconfig") is UNKNOWN:
        return ConfigChange(changed, ("kubeconfig",))
    moved = active_cluster(_pointer(before)) != active_cluster(_pointer(after))
    return ConfigChange(changed, changed if moved else ())


def _pointer(values: Object) -> Settings:
    kubeconfig, context, cluster = (str(values.get(key) or "") for key in ("kubeconfig", "context", "cluster"))
    return Settings(kubeconfig=kubeconfig, context=context, cluster=cluster)
