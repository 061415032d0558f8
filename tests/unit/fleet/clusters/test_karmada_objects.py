import base64
from pathlib import Path

import pytest

from fleet.clusters.karmada_objects import karmada_objects

BUNDLE = base64.b64encode(b"authority").decode()

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: NAME}
spec: {scope: Namespaced}
"""
PATCH = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: converted.karmada.io}
spec:
  conversion:
    strategy: Webhook
    webhook:
      clientConfig: {url: "https://{{name}}.{{namespace}}.svc:443/convert", caBundle: "{{caBundle}}"}
"""
WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: mutating-config}
webhooks:
- name: a.karmada.io
  clientConfig:
    url: https://karmada-webhook.karmada-system.svc:443/mutate-a
    caBundle: {{caBundle}}
"""


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    files = {
        "crds/kustomization.yaml": "resources: [bases/plain.yaml, bases/converted.yaml]\npatches: [{path: patch.yaml}]",
        "crds/bases/plain.yaml": DEFINITION.replace("NAME", "plain.karmada.io"),
        "crds/bases/converted.yaml": DEFINITION.replace("NAME", "converted.karmada.io"),
        "crds/patch.yaml": PATCH,
        "namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: karmada-system}",
        "webhook-configuration.yaml": WEBHOOK,
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_webhooks_and_conversions_are_addressed_to_this_fleet(manifests: Path) -> None:
    objects = karmada_objects(manifests, "https://127.0.0.1:20031", 20030, b"authority")

    plain, converted = objects.definitions
    assert "conversion" not in plain["spec"]
    client = converted["spec"]["conversion"]["webhook"]["clientConfig"]
    assert client == {"url": "https://127.0.0.1:20031/convert", "caBundle": BUNDLE}
    (webhooks,) = objects.webhooks
    client = webhooks["webhooks"][0]["clientConfig"]
    assert client == {"url": "https://127.0.0.1:20031/mutate-a", "caBundle": BUNDLE}


def test_the_aggregated_api_server_is_reached_through_an_alias_of_the_loopback_host(manifests: Path) -> None:
    objects = karmada_objects(manifests, "https://127.0.0.1:20031", 20030, b"authority")

    namespace, service, registration = objects.aggregation
    assert namespace["kind"] == "Namespace"
    assert service["spec"] == {"type": "ExternalName", "externalName": "localhost"}
    assert registration["spec"]["service"]["port"] == 20030
    assert registration["spec"]["service"]["name"] == service["metadata"]["name"]
    assert registration["spec"]["caBundle"] == BUNDLE
