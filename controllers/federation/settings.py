"""Settings of the federation controller, from the environment and the mounted credential of the control plane."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from kube.errors import ConfigurationError
from kube.kubeconfig import compose

PORT = 8080
CREDENTIAL = Path("/etc/mcpfed/control-plane")


@dataclass(frozen=True)
class Settings:
    """How the control plane is reached, and where probes and metrics are."""

    kubeconfig: Mapping[str, Any]
    """Of the control plane; the token is read from its file, which rotates."""
    endpoint: str
    """URL under which members reach the control plane."""
    authority: bytes
    """PEM of the CA that signed the control plane's certificate."""
    host: str
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Reads MCPFED_CONTROL_PLANE (a directory), MCPFED_CONTROL_PLANE_ENDPOINT, POD_IP and PORT.

        Raises:
            ConfigurationError: the directory does not hold a credential.
        """
        directory = Path(environment.get("MCPFED_CONTROL_PLANE", CREDENTIAL))
        try:
            server, authority = (directory / "server").read_text().strip(), (directory / "ca.crt").read_bytes()
        except OSError as error:
            raise ConfigurationError(f"no credential for the control plane: {error}; mount its Secret there") from error
        cluster = {"server": server, "certificate-authority": str(directory / "ca.crt")}
        return cls(
            kubeconfig=compose("control-plane", cluster, "controller", {"tokenFile": str(directory / "token")}),
            endpoint=environment.get("MCPFED_CONTROL_PLANE_ENDPOINT") or server,
            authority=authority,
            host=environment.get("POD_IP", "127.0.0.1"),
            port=int(environment.get("PORT", PORT)),
        )
