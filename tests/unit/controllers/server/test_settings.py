"""The server's settings come from its environment."""

from pathlib import Path

import pytest

from controllers.server.settings import Settings
from kube.errors import ConfigurationError


def test_defaults_listen_on_loopback_and_run_no_python(tmp_path: Path) -> None:
    settings = Settings.from_environment({"MCPFED_CONTEXT_DIR": str(tmp_path)})
    assert (settings.host, settings.port, settings.allow_python) == ("127.0.0.1", 8000, False)


def test_requests_may_be_addressed_to_the_pod_to_localhost_and_to_named_hosts(tmp_path: Path) -> None:
    environment = {"MCPFED_CONTEXT_DIR": str(tmp_path), "POD_IP": "10.1.2.3", "MCPFED_ALLOWED_HOSTS": "mcp.ns.svc, mcp"}
    hosts = Settings.from_environment(environment).hosts
    assert hosts == ["localhost", "127.0.0.1", "[::1]", "10.1.2.3", "mcp.ns.svc", "mcp"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("MCPFED_SERVER_PORT", "many"), ("MCPFED_ALLOW_PYTHON", "maybe"), ("MCPFED_CONTEXT_DIR", "/none")],
)
def test_a_setting_without_meaning_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Settings.from_environment({"MCPFED_CONTEXT_DIR": str(tmp_path), name: value})
