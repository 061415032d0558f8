"""The programs that a fleet is made of: taken from PATH where usable, else built from pinned modules and cached."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet.lock import locked
from fleet.progress import Lines, Progress
from fleet.toolchain import golang

MODULES = Path(__file__).resolve().parent
"""One directory per Go module with the pins: go.mod and go.sum."""

TOOLS_VARIABLE = "MCPFED_TOOLS"
"""Environment variable: a directory whose programs are used as they are, instead of those on PATH or in the cache."""

MANIFESTS = "karmada-manifests"
"""Name of the directory with Karmada's own manifests among the tools."""

PULUMI_LANGUAGE_EXECUTOR = "pulumi-language-python-exec"
"""Name of the program that runs a Pulumi program in Python, among the tools."""

KUBERNETES_PROVIDER = "pulumi-resource-kubernetes"
"""Name of Pulumi's Kubernetes provider among the tools."""

KUBERNETES_PROVIDER_VERSION = "4.25.0"
"""The provider's version: that of the newest commit of its module that is served; the SDK is pinned to the same."""

_KUBERNETES = "1.35.3"
_KARMADA = "1.18.2"
_PULUMI = "3.259.0"

_BUILD_FLAGS: Mapping[str, tuple[str, ...]] = {
    "cluster": (
        "-trimpath",
        "-tags=kubernetes_protomessage_one_more_release",
        (
            "-ldflags=-s -w"
            f" -X k8s.io/component-base/version.gitVersion=v{_KUBERNETES}"
            " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35"
            f" -X github.com/karmada-io/karmada/pkg/version.gitVersion=v{_KARMADA}"
        ),
    ),
    "pulumi": (
        "-trimpath",
        "-tags=osusergo,grpcnotrace",
        f"-ldflags=-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{_PULUMI}",
    ),
    "kubernetes-provider": (
        "-trimpath",
        (
            "-ldflags=-s -w -X github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version="
            f"v{KUBERNETES_PROVIDER_VERSION}"
        ),
    ),
    "store": ("-trimpath", "-ldflags=-s -w"),
}
_LOCK_SECONDS = 2 * golang.BUILD_SECONDS


class ToolError(Exception):
    """A tool is not where it should be."""


@dataclass(frozen=True)
class Files:
    """Files out of a module's source."""

    module: str
    dependency: str
    sources: tuple[tuple[str, str], ...]
    """Pairs of a path in the dependency (file or directory) and a path in the target; "." is the target itself."""


@dataclass(frozen=True)
class Program:
    """A program to find or build."""

    module: str
    """Directory of its pins in `MODULES`."""
    package: str
    version_arguments: tuple[str, ...] = ()
    """Empty if it does not say its version: then what is on PATH is not taken."""
    usable: str = ""
    """Regular expression that is found in its answer to `version_arguments` in every version that will do."""
    overlay: Files | None = None
    """Files that Go takes to be in the module's directory: what it embeds, from a dependency."""


_KUBERNETES_VERSION = (("--version",), r"Kubernetes v1\.35\.")
_KARMADA_VERSION = (("version",), r'GitVersion:"v1\.18\.')
_KARMADA_COMMANDS = "github.com/karmada-io/karmada/cmd"

PROGRAMS: Mapping[str, Program] = {
    "etcd": Program("cluster", "go.etcd.io/etcd/server/v3", ("--version",), r"etcd Version: 3\."),
    "kube-apiserver": Program("cluster", "k8s.io/kubernetes/cmd/kube-apiserver", *_KUBERNETES_VERSION),
    "kube-controller-manager": Program(
        "cluster", "k8s.io/kubernetes/cmd/kube-controller-manager", *_KUBERNETES_VERSION
    ),
    "karmada-webhook": Program("cluster", f"{_KARMADA_COMMANDS}/webhook", *_KARMADA_VERSION),
    "karmada-aggregated-apiserver": Program("cluster", f"{_KARMADA_COMMANDS}/aggregated-apiserver", *_KARMADA_VERSION),
    "karmada-controller-manager": Program("cluster", f"{_KARMADA_COMMANDS}/controller-manager", *_KARMADA_VERSION),
    "karmada-scheduler": Program("cluster", f"{_KARMADA_COMMANDS}/scheduler", *_KARMADA_VERSION),
    "pulumi": Program("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ("version",), r"^v3\.2\d\d\."),
    KUBERNETES_PROVIDER: Program(
        "kubernetes-provider",
        ".",
        overlay=Files(
            "kubernetes-provider",
            "github.com/pulumi/pulumi-kubernetes/provider/v4",
            (
                (f"cmd/{KUBERNETES_PROVIDER}/schema.json", "schema.json"),
                (f"cmd/{KUBERNETES_PROVIDER}/terraform-mapping.json", "terraform-mapping.json"),
            ),
        ),
    ),
    "etcdctl": Program("store", "go.etcd.io/etcd/etcdctl/v3", ("version",), r"etcdctl version: 3\.6\."),
    "etcdutl": Program("store", "go.etcd.io/etcd/etcdutl/v3", ("version",), r"etcdutl version: 3\.6\."),
}

FILES: Mapping[str, Files] = {
    MANIFESTS: Files(
        "cluster",
        "github.com/karmada-io/karmada",
        (
            ("charts/karmada/_crds", "crds"),
            ("artifacts/deploy/namespace.yaml", "namespace.yaml"),
            ("artifacts/deploy/webhook-configuration.yaml", "webhook-configuration.yaml"),
        ),
    ),
    PULUMI_LANGUAGE_EXECUTOR: Files(
        "pulumi",
        "github.com/pulumi/pulumi/sdk/v3",
        (("python/cmd/pulumi-language-python-exec", "."),),
    ),
}


def _tools_of(*modules: str) -> tuple[str, ...]:
    return tuple(name for name, tool in {**PROGRAMS, **FILES}.items() if tool.module in modules)


CLUSTER_TOOLS = _tools_of("cluster")
"""What the fleet's processes are."""

PROVISIONING_TOOLS = _tools_of("pulumi", "kubernetes-provider")
"""With which a stack is rolled out."""

STORE_TOOLS = _tools_of("store")
"""With which an operator backs an etcd up, restores and mends it. No fleet needs them."""


def ensure_tools(
    names: Iterable[str] = CLUSTER_TOOLS + PROVISIONING_TOOLS,
    progress: Progress | None = None,
    commands: golang.Commands | None = None,
) -> Mapping[str, Path]:
    """Absolute paths of the named tools, built where need be.

    `names` are keys of `PROGRAMS` and `FILES`; `commands` can end the builds from another thread.

    Raises:
        GoError: a build failed or was ended; the same call resumes it.
        ToolError: `MCPFED_TOOLS` names a directory that lacks a program.
        TimeoutError: another build held the lock for too long.
    """
    progress, commands = progress or Lines(), commands or golang.Commands()
    return {name: _ensure(name, progress, commands) for name in names}


def cache_directory(module: str) -> Path:
    """Where the tools of a module are cached: another pin, source or build flag means another directory."""
    digest = hashlib.sha256()
    for path in sorted(path for path in (MODULES / module).iterdir() if path.suffix in {".mod", ".sum", ".go"}):
        digest.update(path.read_bytes())
    digest.update("\0".join(_BUILD_FLAGS[module]).encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache.absolute() / "mcp-federation" / "tools" / digest.hexdigest()[:32]


def _ensure(name: str, progress: Progress, commands: golang.Commands) -> Path:
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


def _make(name: str, target: Path, progress: Progress, commands: golang.Commands) -> None:
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


def _go(module: str, commands: golang.Commands) -> golang.Go:
    return golang.Go(golang.find_go(MODULES / module), MODULES / module, commands)


def _build(go: golang.Go, program: Program, target: Path, advance: Callable[[int, int], None]) -> None:
    flags = _BUILD_FLAGS[program.module]
    with TemporaryDirectory() as directory:
        if program.overlay:
            overlay = Path(directory, "overlay.json")
            overlay.write_text(json.dumps(_overlay(go, program.overlay)))
            flags += (f"-overlay={overlay}",)
        go.build(program.package, flags, target, advance)


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
