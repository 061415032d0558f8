"""Where a local fleet keeps its files: one directory that holds everything, so that removing it removes the fleet."""

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
"""The checkout that this package is in."""

DIRECTORY_VARIABLE = "MCPFED_FLEET_DIR"
"""Environment variable that puts the fleet's directory somewhere else than `.fleet` in the repository."""


@dataclass(frozen=True)
class Layout:
    """The paths of one local fleet."""

    root: Path
    """Absolute directory of the fleet."""

    @classmethod
    def from_environment(cls) -> "Layout":
        """The fleet of this checkout, or the one that `MCPFED_FLEET_DIR` names."""
        return cls(Path(os.environ.get(DIRECTORY_VARIABLE) or REPOSITORY / ".fleet").absolute())

    @property
    def state_file(self) -> Path:
        """What runs, for tests, the command line and other programs: a `FleetState`."""
        return self.root / "fleet.json"

    @property
    def processes_file(self) -> Path:
        """What the supervisor started: `ProcessRecords`."""
        return self.root / "processes.json"

    @property
    def addresses_file(self) -> Path:
        """The ports and address indexes chosen for this fleet."""
        return self.root / "addresses.json"

    @property
    def lock_file(self) -> Path:
        """Held by whoever starts or stops processes of this fleet."""
        return self.root / "lock"

    def etcd_data(self, name: str) -> Path:
        """The data directory of an etcd: the state of its API servers."""
        return self.root / name

    def pki(self, owner: str) -> Path:
        """Keys and certificates of one cluster, or of one etcd."""
        return self.root / "pki" / owner

    def kubeconfig(self, cluster: str) -> Path:
        """The administrator's kubeconfig for a cluster."""
        return self.root / "kubeconfigs" / f"{cluster}.yaml"

    def component_kubeconfig(self, cluster: str, component: str) -> Path:
        """The kubeconfig with which a control-plane process talks to its own API server."""
        return self.pki(cluster) / f"{component}.kubeconfig"

    def log(self, process: str) -> Path:
        """The log of a process: its standard output and error."""
        return self.root / "logs" / f"{process}.log"

    def node(self, cluster: str) -> Path:
        """The working directory of a cluster's process node."""
        return self.root / "nodes" / cluster

    def absolute(self, path: str) -> Path:
        """The path that the fleet's state means by `path`: see `relative`."""
        return REPOSITORY / path

    def relative(self, path: Path) -> str:
        """`path` as written into the fleet's state: relative to the repository where it is inside of it."""
        return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)
