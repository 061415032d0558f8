"""Declares the context of context.json. KUBECONFIG leads to the control plane."""

import json
from pathlib import Path

import pulumi_kubernetes as k8s

from components.federated_context import FederatedContext

settings = json.loads(Path(__file__).with_name("context.json").read_text(encoding="utf-8"))
control_plane = k8s.Provider("control-plane", cluster_identifier="control-plane")
FederatedContext("notes", {**settings, "control_plane": control_plane})  # pyright: ignore[reportArgumentType]
