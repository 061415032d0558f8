"""Loads Pulumi's generated protocol modules without the rest of its SDK.

`import pulumi.runtime.proto` first runs the packages around it, half a second of imports that a plugin has no use for;
and the engine starts one provider process per cluster, for every preview and every update.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load_alone() -> None:
    """Let `pulumi.runtime.proto.*` be imported alone in this process.

    Only for a plugin's entry point: the SDK itself cannot be imported afterwards.

    Raises:
        ModuleNotFoundError: The `pulumi` package is not installed.
    """
    spec = importlib.util.find_spec("pulumi")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The package pulumi is not installed: install the project's `stack` dependencies.")
    directory = Path(spec.origin).parent
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        module = ModuleType(name)
        module.__path__ = [str(directory.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = module
