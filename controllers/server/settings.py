"""Settings of the server, from its environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kube.errors import ConfigurationError


class Settings(BaseModel):
    """Where contexts are and where the server listens."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    context_dir: Path = Field(default=Path("/context"), alias="MCPFED_CONTEXT_DIR")
    """Root of the volume that holds the context directories."""
    host: str = Field(default="127.0.0.1", alias="POD_IP")
    """Address to listen on."""
    port: int = Field(default=8000, ge=0, le=65535, alias="MCPFED_SERVER_PORT")
    """0: any free one, which the log names."""
    allowed_hosts: str = Field(default="", alias="MCPFED_ALLOWED_HOSTS")
    """Names under which clients may reach the server besides its address and localhost, separated by commas."""
    allow_python: bool = Field(default=False, alias="MCPFED_ALLOW_PYTHON")
    """Whether Python modules in the contexts are run."""

    @property
    def hosts(self) -> list[str]:
        """Every host name that a request may be addressed to."""
        named = [host.strip() for host in self.allowed_hosts.split(",")]
        own = f"[{self.host}]" if ":" in self.host else self.host
        return [*dict.fromkeys(["localhost", "127.0.0.1", "[::1]", own, *filter(None, named)])]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings that an environment holds.

        Raises:
            ConfigurationError: a variable has no meaning, or the volume is not there.
        """
        names = [str(field.alias) for field in cls.model_fields.values()]
        try:
            settings = cls.model_validate({name: environment[name] for name in names if name in environment})
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigurationError(f"environment variable {first['loc'][0]}: {first['msg']}") from error
        if not settings.context_dir.is_dir():
            raise ConfigurationError(
                f"{settings.context_dir} is not a directory: mount the volume there, or set MCPFED_CONTEXT_DIR"
            )
        return settings
