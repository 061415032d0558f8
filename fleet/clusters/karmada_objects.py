"""The Kubernetes objects that Karmada's processes need: its own manifests, addressed to this fleet. Pure."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
"""One Kubernetes object as decoded from YAML."""

AGGREGATED_SERVICE = "karmada-aggregated-apiserver"
NAMESPACE = "karmada-system"

_CONVERSION_HOST = "https://{{name}}.{{namespace}}.svc:443"
_WEBHOOK_HOST = "https://karmada-webhook.karmada-system.svc:443"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there


@dataclass(frozen=True)
class KarmadaObjects:
    """What is applied to the control plane, in this order."""

    definitions: Sequence[Manifest]
    """The CustomResourceDefinitions."""
    aggregation: Sequence[Manifest]
    """Namespace, Service and APIService of the aggregated API server."""
    webhooks: Sequence[Manifest]
    """Webhook configurations: only once the webhook answers, as from then on it is asked about every write."""


def karmada_objects(manifests: Path, webhook_url: str, aggregated_port: int, authority: bytes) -> KarmadaObjects:
    """Read Karmada's `manifests` (a directory as the tools cache holds it) for a fleet with the PEM `authority`."""
    bundle = base64.b64encode(authority).decode()
    webhooks = (manifests / "webhook-configuration.yaml").read_text().replace(_WEBHOOK_HOST, webhook_url)
    return KarmadaObjects(
        definitions=_definitions(manifests / "crds", webhook_url, bundle),
        aggregation=[*_documents((manifests / "namespace.yaml").read_text()), *_aggregation(aggregated_port, bundle)],
        webhooks=_documents(webhooks.replace("{{caBundle}}", bundle)),
    )


def _definitions(directory: Path, webhook_url: str, bundle: str) -> list[Manifest]:
    """The definitions that the kustomization lists, with its patches: where to convert between versions."""
    (kustomization,) = _documents((directory / "kustomization.yaml").read_text())
    conversions: dict[str, Any] = {}
    for patch in kustomization["patches"]:
        text = (directory / patch["path"]).read_text()
        (document,) = _documents(text.replace(_CONVERSION_HOST, webhook_url).replace("{{caBundle}}", bundle))
        conversions[document["metadata"]["name"]] = document["spec"]["conversion"]
    definitions = [d for path in kustomization["resources"] for d in _documents((directory / path).read_text())]
    for definition in definitions:
        if conversion := conversions.get(definition["metadata"]["name"]):
            definition["spec"]["conversion"] = conversion
    return definitions


def _aggregation(port: int, bundle: str) -> list[Manifest]:
    """The aggregated API server runs outside of any cluster: its Service is an alias of the loopback host."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": AGGREGATED_SERVICE, "namespace": NAMESPACE},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1alpha1.cluster.karmada.io"},
            "spec": {
                "group": "cluster.karmada.io",
                "version": "v1alpha1",
                "groupPriorityMinimum": 2000,
                "versionPriority": 10,
                "caBundle": bundle,
                "service": {"name": AGGREGATED_SERVICE, "namespace": NAMESPACE, "port": port},
            },
        },
    ]


def _documents(text: str) -> list[Manifest]:
    return [document for document in yaml.load_all(text, Loader=_LOADER) if document]
