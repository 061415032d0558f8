"""Pulumi's plugins for the fleet's own runs of `pulumi`, and for nothing else: the language host and the provider.

An official plugin is used where it is installed: on PATH, beside `pulumi`, or in PULUMI_HOME. Where it is not, the
Kubernetes provider is the official one, built by `fleet.toolchain` or, with MCPFED_PULUMI_PLUGINS=download, fetched by
Pulumi itself; for the Python language host, which Pulumi does not fetch, `fleet.language_host` stands in.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from files import durable
from fleet.layout import REPOSITORY
from fleet.toolchain.catalogue import KUBERNETES_PROVIDER, PROVISIONING_TOOLS, PULUMI_LANGUAGE_EXECUTOR

PLUGINS_VARIABLE: Final = "MCPFED_PULUMI_PLUGINS"
"""Environment variable: `download` lets Pulumi fetch the providers that are not installed, instead of building any."""

LANGUAGE_HOST: Final = "pulumi-language-python"

_MARK: Final = "# Starts the local fleet's Pulumi language host."
_START: Final = (
    "import sys; sys.path.insert(0, {root!r}); from fleet.language_host.__main__ import main; main(sys.argv[1:])"
)


def needed_tools() -> tuple[str, ...]:
    """Names of the tools that `install_plugins` and a run of Pulumi need on this machine."""
    unneeded = {KUBERNETES_PROVIDER} if downloaded() or official_plugin(KUBERNETES_PROVIDER) else set[str]()
    return tuple(name for name in PROVISIONING_TOOLS if name not in unneeded)


def downloaded() -> bool:
    """Whether Pulumi is to fetch providers itself."""
    return os.environ.get(PLUGINS_VARIABLE) == "download"


def install_plugins(home: Path, tools: Mapping[str, Path]) -> None:
    """Put the plugins into `home`, a PULUMI_HOME of the fleet's own; what is there already is replaced.

    `tools` are those of `needed_tools`. Programs and policy packs run on this interpreter.
    """
    language_host = official_plugin(LANGUAGE_HOST) or _language_host(home, tools[PULUMI_LANGUAGE_EXECUTOR])
    _link(home / _place(LANGUAGE_HOST), language_host)
    if provider := official_plugin(KUBERNETES_PROVIDER) or tools.get(KUBERNETES_PROVIDER):
        _link(home / _place(KUBERNETES_PROVIDER), provider)


def _link(place: Path, target: Path) -> None:
    made = place.with_name(f".{place.name}.new")
    made.parent.mkdir(parents=True, exist_ok=True)
    made.unlink(missing_ok=True)
    made.symlink_to(target)
    made.replace(place)


def _language_host(home: Path, executor: Path) -> Path:
    """A program that starts our language host on this interpreter."""
    program = home / "language-host"
    start = _START.format(root=str(REPOSITORY))
    command = shlex.join([sys.executable, "-P", "-c", start, str(executor)])
    durable.write(program, f'#!/bin/sh\n{_MARK}\nexec {command} "$@"\n', mode=0o755)
    return program


def _place(name: str) -> Path:
    """Where in a PULUMI_HOME the engine finds a plugin: the one of the version that the installed SDK asks for."""
    directory = {
        LANGUAGE_HOST: f"language-python-v{version('pulumi')}",
        KUBERNETES_PROVIDER: f"resource-kubernetes-v{version('pulumi-kubernetes')}",
    }[name]
    return Path("plugins", directory, name)


def official_plugin(name: str) -> Path | None:
    """The installed official plugin: `LANGUAGE_HOST` or `KUBERNETES_PROVIDER`; None if there is none."""
    for path in _candidates(name):
        if os.access(path, os.X_OK) and not _is_ours(path):
            return path.resolve()
    return None


def _candidates(name: str) -> Iterator[Path]:
    for directory in os.get_exec_path():
        yield Path(directory, name)
    if found := shutil.which("pulumi"):
        yield Path(found).resolve().parent / name
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    yield home / "bin" / name
    plugin = home / _place(name)
    if not plugin.is_symlink():  # a link is ours: a shell with the fleet's environment has its home
        yield plugin


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK.encode() in file.read(256)
