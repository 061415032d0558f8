"""Federations that the tests declare."""

import base64
from typing import Any

from components.context_federation import ContextFederationArgs
from components.fleet import FleetArgs, MemberArgs
from examples.assistant import contexts as assistant


def kubeconfig(cluster: str) -> str:
    authority = base64.b64encode(f"authority of {cluster}".encode()).decode()
    return f"""
apiVersion: v1
kind: Config
current-context: default
contexts: [{{name: default, context: {{cluster: it, user: admin}}}}]
clusters: [{{name: it, cluster: {{server: "https://{cluster}.test:6443", certificate-authority-data: {authority}}}}}]
users: [{{name: admin, user: {{token: admin-of-{cluster}}}}}]
"""


def fleet(*members: str, register: bool = True) -> FleetArgs:
    named: dict[str, MemberArgs] = {member: {"kubeconfig": kubeconfig(member)} for member in members}
    return {
        "host": {"kubeconfig": kubeconfig("host")},
        "control_plane": {"kubeconfig": kubeconfig("control-plane")},
        "members": named,
        "register": register,
    }


def reference(**overrides: Any) -> ContextFederationArgs:
    """The reference stack over two members."""
    args: Any = {
        "fleet": fleet("member1", "member2"),
        "servers": assistant.SERVERS,
        "contexts": assistant.contexts(),
        **overrides,
    }
    return args
