"""Pulumi's two plugins for the local fleet: the official ones where they are installed, else our stand-ins.

The stand-ins are small Python programs that speak Pulumi's plugin protocol: `language` for the Python language host and
`kubernetes` for the Kubernetes provider. `plugin_path` makes them executables in a directory that goes on PATH for the
fleet's own runs of `pulumi`, and for nothing else.
"""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LANGUAGE: Final = "pulumi-language-python"
PROVIDER: Final = "pulumi-resource-kubernetes"

_MARK: Final = "# A stand-in for an official Pulumi plugin, written by the local fleet."
_START: Final = (
    "import sys; sys.path.insert(0, {root!r}); from fleet.pulumi_plugins.__main__ import main; main(sys.argv[1:])"
)


def plugin_path(directory: Path, python: Path, language_exec: Path) -> Path:
    """Put both plugins into a directory for PATH: links to the official ones, or executables that start the stand-ins.

    Args:
        directory: Made if needed; the files of these names in it are replaced.
        python: The interpreter for stand-ins, programs and policy packs: one with the project's `stack` dependencies.
        language_exec: Pulumi's `pulumi-language-python-exec`, from the Go module `github.com/pulumi/pulumi/sdk/v3`,
            folder `python/cmd`.

    Returns:
        The directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, arguments in ((LANGUAGE, ["language", str(language_exec)]), (PROVIDER, ["kubernetes"])):
        official, made = official_plugin(name), directory / f".{name}.new"
        made.unlink(missing_ok=True)
        if official is None:
            made.write_text(_shim(python, arguments))
            made.chmod(0o755)
        else:
            made.symlink_to(official)
        made.replace(directory / name)
    return directory


def _shim(python: Path, arguments: list[str]) -> str:
    start = _START.format(root=str(Path(__file__).resolve().parents[2]))
    command = shlex.join([str(python), "-P", "-c", start, *arguments])
    return f'#!/bin/sh\n{_MARK}\nexec {command} "$@"\n'


def official_plugin(name: str) -> Path | None:
    """Find an official plugin on PATH, beside `pulumi` or in PULUMI_HOME; None if there is none.

    Args:
        name: Such as `pulumi-resource-kubernetes`.
    """
    for path in _candidates(name):
        if os.access(path, os.X_OK) and not _is_stand_in(path):
            return path.resolve()
    return None


def _candidates(name: str) -> Iterator[Path]:
    for directory in os.get_exec_path():
        yield Path(directory, name)
    if found := shutil.which("pulumi"):
        yield Path(found).resolve().parent / name
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    yield home / "bin" / name
    yield from sorted(home.glob(f"plugins/{name.removeprefix('pulumi-')}-v*/{name}"), reverse=True)


def _is_stand_in(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK.encode() in file.read(256)
