"""Puts a volume's files into its directory in one atomic step: readers see the old files or the new ones, no mixture.

The shape is the kubelet's: the files are in a hidden directory, `..data` is a symbolic link to it that is replaced by
a rename, and every visible name is a link through `..data`.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fleet.node.volumes import File

_CURRENT = "..data"
_GENERATION = "..generation-"


def write_volume(directory: Path, files: Mapping[str, File]) -> bool:
    """Make `directory` show exactly these files; answers whether anything changed."""
    directory.mkdir(parents=True, exist_ok=True)
    current = directory / _CURRENT
    if current.exists() and _read(current) == dict(files):
        return False
    generation = Path(tempfile.mkdtemp(prefix=_GENERATION, dir=directory))
    generation.chmod(0o755)
    for path, file in files.items():
        _write(generation / path, file)
    _link(current, generation.name)
    _show(directory, {path.partition("/")[0] for path in files})
    for stale in directory.glob(f"{_GENERATION}*"):
        if stale.name != generation.name:
            shutil.rmtree(stale)
    return True


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    path.chmod(file.mode)


def _read(directory: Path) -> dict[str, File]:
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): File(path.read_bytes(), path.stat().st_mode & 0o7777) for path in paths}


def _link(link: Path, target: str) -> None:
    """Create the link or replace it by a rename, which has no moment without it."""
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _show(directory: Path, names: set[str]) -> None:
    for name in names:
        if not (directory / name).is_symlink():
            _link(directory / name, f"{_CURRENT}/{name}")
    for entry in directory.iterdir():
        if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
