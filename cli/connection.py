"""Where the control plane is: an explicit kubeconfig, else $KUBECONFIG, else the local fleet of this checkout."""

import json
import os
from pathlib import Path

from kube.client import Api
from kube.errors import ConfigurationError

FLEET_FILE = "fleet.json"


async def connect(kubeconfig: Path | None, kubeconfig_context: str | None) -> Api:
    """A client of the control plane.

    Raises:
        ConfigurationError: there is no kubeconfig to be found, or it cannot be used.
    """
    return await Api.from_kubeconfig(kubeconfig or _default(), kubeconfig_context)


def _default() -> Path:
    given = os.environ.get("KUBECONFIG")
    if given:
        return Path(given)
    directory = Path(os.environ.get("MCPFED_FLEET_DIR", ".fleet"))
    fleet = directory / FLEET_FILE
    if not fleet.exists():
        raise ConfigurationError(
            f"no control plane: give --kubeconfig, set KUBECONFIG, or start the local fleet with `make up` "
            f"({fleet} is missing)"
        )
    clusters = json.loads(fleet.read_text())["clusters"]
    path = next(Path(cluster["kubeconfig"]) for cluster in clusters.values() if cluster["role"] == "control-plane")
    return path if path.is_absolute() else directory.resolve().parent / path
