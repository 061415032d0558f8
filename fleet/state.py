"""The fleet's state as a file: what runs and how to reach it, read by tests, the command line and other programs."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from files import durable
from fleet.layout import Layout
from fleet.lock import locked

Role = Literal["host", "control-plane", "member"]
"""What a cluster is for: running the control plane's pods, being the Karmada API, or running MCP servers."""

HOST = "host"
CONTROL_PLANE = "control-plane"


class _Entry(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid")


class ClusterEntry(_Entry):
    """How to reach one cluster's API."""

    role: Role
    kubeconfig: str
    """Path of the administrator's kubeconfig, relative to the repository where it is inside of it."""
    server: str
    """URL of the API server."""


class ProcessEntry(_Entry):
    """One running process."""

    pid: int
    log: str
    """Path of its log, relative to the repository where it is inside of it."""


class FleetState(_Entry):
    """The whole of `fleet.json`."""

    clusters: dict[str, ClusterEntry] = {}
    endpoints: dict[str, dict[str, str]] = {}
    """Cluster → MCP server → URL of its MCP endpoint."""
    context_directories: dict[str, dict[str, dict[str, str]]] = {}
    """Cluster → MCP server → pod → path of its context directory."""
    processes: dict[str, ProcessEntry] = {}


def read_state(layout: Layout) -> FleetState:
    """The state as last written; empty if there is no fleet yet."""
    if not layout.state_file.exists():
        return FleetState()
    return FleetState.model_validate_json(layout.state_file.read_bytes())


def update_state(layout: Layout, changes: Mapping[str, Any]) -> FleetState:
    """Replace the fields of the state that `changes` names and keep what others have written meanwhile."""
    with locked(layout.root / ".fleet.json.lock", lambda _: None, deadline_seconds=30):
        state = FleetState.model_validate(read_state(layout).model_dump() | dict(changes))
        durable.write(layout.state_file, state.model_dump_json(by_alias=True, indent=2) + "\n", mode=0o644)
    return state
