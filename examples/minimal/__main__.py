"""One prompt, served by the MCP server `assistant` in every member. KUBECONFIG leads to the control plane."""

import pulumi_kubernetes as k8s

from components.federated_context import FederatedContext
from components.payload import prompt

control_plane = k8s.Provider("control-plane", cluster_identifier="control-plane")

FederatedContext(
    "greetings",
    {
        "name": "greetings",
        "namespace": "assistant",
        "mcp_server_name": "assistant",
        "context_type": "prompts",
        "items": [prompt("greet", "Greet {{name}} in one warm sentence.", "Greets somebody")],
        "control_plane": control_plane,
    },
)
