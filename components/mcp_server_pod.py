"""The pod of an MCP server: the server, the agent beside it, and the directory that they share."""

from typing import Final

import pulumi_kubernetes as k8s

from api.declaration import DEFAULT_PORT
from api.names import CLUSTER_ANNOTATION, SERVER_LABEL
from components.declaration_args import ServerDeclarationArgs
from components.pod import CONTAINER_SECURITY, POD_SECURITY, env, liveness, readiness, resources

SERVER_MEMORY_LIMIT: Final = "256Mi"
AGENT_PORT: Final = 8081
AGENT_MEMORY_LIMIT: Final = "256Mi"
CONTEXT_VOLUME: Final = "context"
CONTEXT_PATH: Final = "/context"
TOKEN_VOLUME: Final = "agent-token"  # noqa: S105
TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105
GRACE_SECONDS: Final = 30
"""Within it the server drains, and then the agent publishes what changed last."""

_CONTEXT_MOUNT: Final[k8s.core.v1.VolumeMountArgsDict] = {"name": CONTEXT_VOLUME, "mount_path": CONTEXT_PATH}
_SCRATCH_MOUNT: Final[k8s.core.v1.VolumeMountArgsDict] = {"name": "tmp", "mount_path": "/tmp"}  # noqa: S108


def pod_template(server: ServerDeclarationArgs, image: str, agent_image: str) -> k8s.core.v1.PodTemplateSpecArgsDict:
    """The pod of `server`, which runs `image`.

    The agent is a native sidecar: it starts first and ends last, so it sees the server's last writes.
    """
    volumes: list[k8s.core.v1.VolumeArgsDict] = [{"name": "tmp", "empty_dir": {}}, _agent_token()]
    if "storage" not in server:
        volumes.append({"name": CONTEXT_VOLUME, "empty_dir": {}})
    return {
        "metadata": {"labels": {SERVER_LABEL: server["name"]}, "annotations": {CLUSTER_ANNOTATION: ""}},
        "spec": {
            "service_account_name": server["name"],
            "automount_service_account_token": False,
            "termination_grace_period_seconds": GRACE_SECONDS,
            "security_context": POD_SECURITY,
            "init_containers": [_agent(server["name"], agent_image)],
            "containers": [_server(server, image)],
            "volumes": volumes,
        },
    }


def _agent(server: str, image: str) -> k8s.core.v1.ContainerArgsDict:
    fields = {
        "MCPFED_CLUSTER": f"metadata.annotations['{CLUSTER_ANNOTATION}']",
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "POD_UID": "metadata.uid",
        "POD_IP": "status.podIP",
    }
    return {
        "name": "agent",
        "image": image,
        "command": ["python", "-m", "controllers.agent"],
        "restart_policy": "Always",
        "env": env({"MCPFED_SERVER": server, "MCPFED_CONTEXT_DIR": CONTEXT_PATH}, fields),
        "ports": [{"name": "agent-health", "container_port": AGENT_PORT}],
        "volume_mounts": [
            _CONTEXT_MOUNT,
            {"name": TOKEN_VOLUME, "mount_path": TOKEN_PATH, "read_only": True},
        ],
        "security_context": CONTAINER_SECURITY,
        "resources": resources(memory_limit=AGENT_MEMORY_LIMIT),
        "liveness_probe": liveness(AGENT_PORT),
        "readiness_probe": readiness(AGENT_PORT),
    }


def _server(server: ServerDeclarationArgs, image: str) -> k8s.core.v1.ContainerArgsDict:
    native = "image" not in server
    values = {"MCPFED_CONTEXT_DIR": CONTEXT_PATH, **(_native_env(server) if native else {}), **server.get("env", {})}
    container: k8s.core.v1.ContainerArgsDict = {
        "name": "server",
        "image": image,
        "env": env(values, {"POD_IP": "status.podIP"}),
        "ports": [{"name": "mcp", "container_port": server.get("port", DEFAULT_PORT)}],
        "volume_mounts": [_CONTEXT_MOUNT, _SCRATCH_MOUNT],
        "security_context": CONTAINER_SECURITY,
        "resources": resources(memory_limit=SERVER_MEMORY_LIMIT),
    }
    if "command" in server:
        container["command"] = server["command"]
    elif native:
        container["command"] = ["python", "-m", "controllers.server"]
    if native:
        container["liveness_probe"] = liveness("mcp", path="/healthz")
        container["readiness_probe"] = readiness("mcp")
    else:  # all that is known of another server is its port
        container["readiness_probe"] = {"tcp_socket": {"port": "mcp"}, "period_seconds": 5, "timeout_seconds": 3}
    return container


def _native_env(server: ServerDeclarationArgs) -> dict[str, str]:
    """Port, and the names of the Service: requests to any other name are refused."""
    name = f"{server['name']}.{server['namespace']}"
    hosts = [server["name"], name, f"{name}.svc", f"{name}.svc.cluster.local"]
    return {"MCPFED_SERVER_PORT": str(server.get("port", DEFAULT_PORT)), "MCPFED_ALLOWED_HOSTS": ",".join(hosts)}


def _agent_token() -> k8s.core.v1.VolumeArgsDict:
    """The API token as Kubernetes would mount it, but for the agent alone."""
    sources: list[k8s.core.v1.VolumeProjectionArgsDict] = [
        {"service_account_token": {"path": "token", "expiration_seconds": 3600}},
        {"config_map": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downward_api": {"items": [{"path": "namespace", "field_ref": {"field_path": "metadata.namespace"}}]}},
    ]
    return {"name": TOKEN_VOLUME, "projected": {"sources": sources, "default_mode": 0o440}}
