"""Settings of the agent, from its environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kube.errors import ConfigurationError


class Settings(BaseModel):
    """Who and where the agent is. Each field is an environment variable."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    cluster: str = Field(alias="MCPFED_CLUSTER", min_length=1)
    """Name of the member."""
    server: str = Field(alias="MCPFED_SERVER", min_length=1)
    """The `mcpServerName` whose contexts this pod holds."""
    pod: str = Field(alias="POD_NAME", min_length=1)
    pod_uid: str = Field(alias="POD_UID", min_length=1)
    namespace: str = Field(alias="POD_NAMESPACE", min_length=1)
    pod_ip: str = Field(alias="POD_IP", min_length=1)
    """Where health and metrics are served."""
    volume: Path = Field(alias="MCPFED_CONTEXT_DIR", default=Path("/context"))
    health_port: int = Field(alias="MCPFED_HEALTH_PORT", default=8081, ge=0, le=65535)
    kubeconfig: Path | None = Field(alias="KUBECONFIG", default=None)
    """Access to the API server from outside of a pod; in a pod its ServiceAccount is used."""

    @property
    def site(self) -> str:
        """The site without its incarnation."""
        return f"{self.cluster}/{self.pod}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings.

        Raises:
            ConfigurationError: a variable is missing or cannot be used.
        """
        try:
            return cls.model_validate(dict(environment))
        except ValidationError as error:
            faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors(include_input=False))
            raise ConfigurationError(f"environment of the agent: {faults}") from error
