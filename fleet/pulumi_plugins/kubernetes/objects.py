"""Reading Kubernetes objects held as plain JSON."""

from typing import Any, Final

from fleet.pulumi_plugins.values import Object, is_object

DOMAIN: Final = "pulumi.com/"
"""The prefix of every annotation that steers the provider."""


def nested(value: Any, *path: str) -> Any:
    """Return what is at a path of keys, or None where the path ends early."""
    for key in path:
        if not is_object(value):
            return None
        value = value.get(key)
    return value


def name_of(value: Object) -> str:
    """Return an object's name, "" where it has none (yet)."""
    name = nested(value, "metadata", "name")
    return name if isinstance(name, str) else ""


def namespace_of(value: Object) -> str:
    """Return an object's namespace, "" where it has none."""
    namespace = nested(value, "metadata", "namespace")
    return namespace if isinstance(namespace, str) else ""


def annotation(value: Object, name: str) -> str:
    """Return the annotation `pulumi.com/<name>`, "" where it is not set."""
    text = nested(value, "metadata", "annotations", DOMAIN + name)
    return text if isinstance(text, str) else ""


def flagged(value: Object, name: str) -> bool:
    """Say whether the annotation `pulumi.com/<name>` is "true"."""
    return annotation(value, name).lower() == "true"


def identifier(value: Object) -> str:
    """Return Pulumi's id of an object: `namespace/name`, or `name` for a cluster-scoped one."""
    return "/".join(part for part in (namespace_of(value), name_of(value)) if part)


def group_of(api_version: str) -> str:
    """Return the group of an `apiVersion`, "" for the core group."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def built_in(value: Object) -> bool:
    """Say whether a kind is Kubernetes' own: of those the API server drops what is empty, of custom resources not."""
    group = group_of(str(value.get("apiVersion", "")))
    return "." not in group or group.endswith(".k8s.io")


def is_crd(value: Object) -> bool:
    """Say whether an object is a CustomResourceDefinition."""
    return value.get("kind") == "CustomResourceDefinition"
