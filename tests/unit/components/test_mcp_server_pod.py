"""The pod of an MCP server, ours or another."""

from typing import Any, cast

import pytest

from components.declaration_args import ServerDeclarationArgs
from components.mcp_server import MCPServer, MCPServerArgs
from components.mcp_server_pod import pod_template


def spec(**settings: Any) -> dict[str, Any]:
    server = cast("ServerDeclarationArgs", {"name": "notes", "namespace": "team", **settings})
    template = cast("dict[str, Any]", pod_template(server, settings.get("image", "ours:1"), "agent:1"))
    return template["spec"]


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in container["env"]}


def test_our_server_answers_to_the_names_of_its_service() -> None:
    (server,) = spec()["containers"]
    assert server["command"] == ["python", "-m", "controllers.server"]
    assert environment(server)["MCPFED_ALLOWED_HOSTS"] == "notes,notes.team,notes.team.svc,notes.team.svc.cluster.local"


def test_our_server_listens_at_the_port_that_is_declared() -> None:
    (server,) = spec(port=9000)["containers"]
    assert environment(server)["MCPFED_SERVER_PORT"] == "9000"
    assert server["ports"] == [{"name": "mcp", "container_port": 9000}]


def test_another_server_runs_its_own_command_and_is_only_expected_to_listen() -> None:
    (server,) = spec(image="theirs:2")["containers"]
    assert "command" not in server
    assert "liveness_probe" not in server
    assert server["readiness_probe"]["tcp_socket"] == {"port": "mcp"}


def test_an_environment_can_be_given() -> None:
    (server,) = spec(env={"MCPFED_ALLOW_PYTHON": "true"})["containers"]
    assert environment(server)["MCPFED_ALLOW_PYTHON"] == "true"


def test_agent_and_server_share_the_context_directory() -> None:
    pod = spec()
    for container in (*pod["init_containers"], *pod["containers"]):
        assert {"name": "context", "mount_path": "/context"} in container["volume_mounts"]


def test_with_storage_the_context_directory_is_the_claims() -> None:
    assert "context" in {volume["name"] for volume in spec()["volumes"]}
    assert "context" not in {volume["name"] for volume in spec(storage={"size": "1Gi"})["volumes"]}


def test_a_name_that_a_service_cannot_have_is_refused() -> None:
    with pytest.raises(ValueError, match="MCP server '1st': a name"):
        MCPServer("first", cast("MCPServerArgs", {"name": "1st", "namespace": "team"}))


def test_an_unknown_kind_of_workload_is_refused() -> None:
    with pytest.raises(ValueError, match="MCP server 'notes': kind 'DaemonSet' is none of Deployment, StatefulSet"):
        MCPServer("notes", cast("MCPServerArgs", {"name": "notes", "namespace": "team", "kind": "DaemonSet"}))


def test_storage_needs_a_workload_that_can_keep_it() -> None:
    args = cast("MCPServerArgs", {"name": "notes", "namespace": "team", "storage": {"size": "1Gi"}})
    with pytest.raises(ValueError, match="MCP server 'notes': storage needs kind StatefulSet"):
        MCPServer("notes", args)
