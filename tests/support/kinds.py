"""Installs our kinds, and stand-ins of Karmada's, on a test's API server. The real Karmada runs in the tests/e2e."""

from __future__ import annotations

import asyncio
from typing import Any

from api.crd import DEFINITIONS, manifest
from kube.client import Api
from kube.kinds import (
    CLUSTER,
    CLUSTER_OVERRIDE_POLICY,
    CRD,
    PROPAGATION_POLICY,
    RESOURCE_BINDING,
    Kind,
)

KARMADA_KINDS = (CLUSTER, CLUSTER_OVERRIDE_POLICY, PROPAGATION_POLICY, RESOURCE_BINDING)


async def install(api: Api, *crds: dict[str, Any]) -> None:
    """Applies CRDs and waits until they are served."""
    for crd in crds:
        await api.apply(CRD, crd, "tests", force=True)
    async with asyncio.timeout(30):
        for crd in crds:
            while not _established(await api.get(CRD, None, crd["metadata"]["name"])):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def our_crds() -> list[dict[str, Any]]:
    """The CRDs of our kinds."""
    return [manifest(definition) for definition in DEFINITIONS]


def karmada_stand_ins() -> list[dict[str, Any]]:
    """CRDs that accept anything under the names of Karmada's kinds."""
    return [_permissive(kind) for kind in KARMADA_KINDS]


def _permissive(kind: Kind) -> dict[str, Any]:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: dict[str, Any] = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": anything},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {"kind": kind.name, "plural": kind.plural, "singular": kind.name.lower()},
            "versions": [version],
        },
    }


def _established(crd: dict[str, Any] | None) -> bool:
    conditions: list[dict[str, Any]] = (crd or {}).get("status", {}).get("conditions") or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)
