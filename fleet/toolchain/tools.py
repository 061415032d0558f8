"""The programs that a fleet is made of: taken from PATH where usable, else built from pinned modules and cached."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet.lock import locked
from fleet.progress import Lines, Progress
from fleet.toolchain import golang
from fleet.toolchain.catalogue import BUILD_FLAGS, CLUSTER_TOOLS, FILES, PROGRAMS, PROVISIONING_TOOLS, Files, Program
from fleet.toolchain.commands import Commands

MODULES = Path(__file__).resolve().parent
"""One directory per Go module with the pins: go.mod and go.sum."""

TOOLS_VARIABLE = "MCPFED_TOOLS"
"""Environment variable: a directory whose programs are used as they are, instead of those on PATH or in the cache."""

_LOCK_SECONDS = 2 * golang.BUILD_SECONDS


class ToolError(Exception):
    """A tool is not where it should be."""


def ensure_tools(
    names: Iterable[str] = CLUSTER_TOOLS + PROVISIONING_TOOLS,
    progress: Progress | None = None,
    commands: Commands | None = None,
) -> Mapping[str, Path]:
    """Absolute paths of the named tools, built where need be.

    `names` are keys of `PROGRAMS` and `FILES`; `commands` can end the builds from another thread.

    Raises:
        GoError: a build failed; the same call resumes it.
        CommandsEnded: `commands` were ended.
        ToolError: `MCPFED_TOOLS` names a directory that lacks a program.
        TimeoutError: another build held the lock for too long.
    """
    progress, commands = progress or Lines(), commands or Commands()
    return {name: _ensure(name, progress, commands) for name in names}


def cache_directory(module: str) -> Path:
    """Where the tools of a module are cached: another pin, source or build flag means another directory."""
    digest = hashlib.sha256()
    for path in sorted(path for path in (MODULES / module).iterdir() if path.suffix in {".mod", ".sum", ".go"}):
        digest.update(path.read_bytes())
    digest.update("\0".join(BUILD_FLAGS[module]).encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache.absolute() / "mcp-federation" / "tools" / digest.hexdigest()[:32]


def _ensure(name: str, progress: Progress, commands: Commands) -> Path:
    found = _given(name) or _on_path(name)
    if found:
        return found
    directory = cache_directory((PROGRAMS.get(name) or FILES[name]).module)
    target = directory / name
    if not target.exists():
        with locked(directory / ".lock", progress.say, _LOCK_SECONDS):
            if not target.exists():  # nobody made it while we waited
                _make(name, target, progress, commands)
    return target


def _given(name: str) -> Path | None:
    """The tool in the directory that the environment names. Files that it lacks come from the cache."""
    directory = os.environ.get(TOOLS_VARIABLE)
    if not directory:
        return None
    path = Path(directory).absolute() / name
    if path.exists():
        return path
    if name in PROGRAMS:
        msg = f"{TOOLS_VARIABLE}={directory} has no {name}: put it there, or unset {TOOLS_VARIABLE} to have it built"
        raise ToolError(msg)
    return None


def _on_path(name: str) -> Path | None:
    program, found = PROGRAMS.get(name), shutil.which(name)
    if not (found and program and program.version_arguments):
        return None
    try:
        answer = subprocess.run(
            [found, *program.version_arguments], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    usable = re.search(program.usable, answer.stdout + answer.stderr, re.MULTILINE)
    return Path(found).absolute() if usable else None


def _make(name: str, target: Path, progress: Progress, commands: Commands) -> None:
    """Make a tool beside its place and move it there when it is whole."""
    # We hold the lock: whatever half-made things are here were left by somebody who is gone.
    for remnant in target.parent.glob("*.partial"):
        _remove(remnant)
    unfinished = target.with_name(f"{name}.{os.getpid()}.partial")
    progress.begin(name)
    if program := PROGRAMS.get(name):
        _build(_go(program.module, commands), program, unfinished, partial(progress.advance, name))
    else:
        files = FILES[name]
        _copy(_go(files.module, commands).source(files.dependency), files.sources, unfinished)
    _sync(unfinished)
    unfinished.replace(target)
    progress.end(name, "built" if program else "copied")


def _go(module: str, commands: Commands) -> golang.Go:
    return golang.Go(golang.find_go(MODULES / module), MODULES / module, commands)


def _build(go: golang.Go, program: Program, target: Path, advance: Callable[[int, int], None]) -> None:
    flags = BUILD_FLAGS[program.module]
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        if program.overlay:
            overlay = Path(scratch, "overlay.json")
            overlay.write_text(json.dumps(_overlay(go, program.overlay)))
            flags += (f"-overlay={overlay}",)
        go.build(program.package, flags, target, Path(scratch), advance)


def _overlay(go: golang.Go, files: Files) -> Mapping[str, Mapping[str, str]]:
    """What `go build -overlay` reads: files that seem to be in the module's directory, and where they are."""
    source = go.source(files.dependency)
    return {"Replace": {str(go.module / place): str(source / origin) for origin, place in files.sources}}


def _copy(source: Path, pairs: Sequence[tuple[str, str]], target: Path) -> None:
    for origin, place in pairs:
        if (source / origin).is_dir():
            files = [path.relative_to(source / origin) for path in (source / origin).rglob("*") if path.is_file()]
        else:
            files = [Path()]
        for file in files:
            destination = target / place / file
            destination.parent.mkdir(parents=True, exist_ok=True)
            # Not the modes of directories: those of Go's module cache are read-only.
            shutil.copy(source / origin / file, destination)


def _sync(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
