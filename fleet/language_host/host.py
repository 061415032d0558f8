"""The calls of Pulumi's `LanguageRuntime` protocol: run a program, a policy pack or a plugin written in Python."""

import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Final

from fleet.language_host.protocol import Message, empty_pb2, language_pb2, plugin_pb2

EXPLAINED: Final = 32
"""A program's exit code after it has printed what is wrong."""

END_SECONDS: Final = 5.0
"""How long a program has from SIGTERM until it is killed."""


class LanguageHost:
    """Each public method is a call: it gets a request and gRPC's context, and returns or yields answers."""

    def __init__(self, engine: str, executor: Path) -> None:
        self._engine = engine
        self._executor = executor
        self._children: set[subprocess.Popen[bytes]] = set()

    def handshake(self, request: Message, context: Any) -> Message:
        """Take the engine's address."""
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def get_plugin_info(self, request: Message, context: Any) -> Message:
        """Say nothing about versions: the SDK's version is the program's business."""
        return plugin_pb2.PluginInfo()

    def get_required_packages(self, request: Message, context: Any) -> Message:
        """List the provider plugins of the Pulumi packages that are installed."""
        packages = [
            plugin_pb2.PackageDependency(kind="resource", **fields) for fields in required_plugins(map(Path, sys.path))
        ]
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def run(self, request: Message, context: Any) -> Message:
        """Run a program to its end."""
        environment = os.environ | {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        command = [sys.executable, "-u", str(self._executor), *program_arguments(request, self._engine)]
        with self._child(command, request.pwd or None, environment) as child:
            code = child.wait()
        if code == 0:
            return language_pb2.RunResponse()
        if code == EXPLAINED:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"the Python program ended with exit code {code}")

    def run_plugin(self, request: Message, context: Any) -> Iterator[Message]:
        """Run a policy pack, or a plugin written in Python, and stream what it prints."""
        command = [sys.executable, "-u", *plugin_arguments(request)]
        environment = dict(entry.partition("=")[::2] for entry in request.env) or dict(os.environ)
        with self._child(command, request.pwd or None, environment, subprocess.PIPE) as child:
            context.add_callback(child.terminate)
            for name, chunk in _output(child):
                yield language_pb2.RunPluginResponse(**{name: chunk})
            yield language_pb2.RunPluginResponse(exitcode=child.wait())

    @contextmanager
    def _child(
        self, command: Sequence[str], directory: str | None, environment: Mapping[str, str], output: int | None = None
    ) -> Generator[subprocess.Popen[bytes]]:
        """Start a process that outlives neither the block nor this plugin. It prints to this plugin's, or to pipes."""
        child = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        self._children.add(child)
        try:
            yield child
        finally:
            _end(child)
            self._children.discard(child)

    def get_program_dependencies(self, request: Message, context: Any) -> Message:
        """List the installed distributions."""
        found = [language_pb2.DependencyInfo(name=one.name, version=one.version) for one in distributions()]
        return language_pb2.GetProgramDependenciesResponse(dependencies=found)

    def install_dependencies(self, request: Message, context: Any) -> Iterator[Message]:
        """Install nothing: the interpreter's environment is complete."""
        yield from ()

    def runtime_options_prompts(self, request: Message, context: Any) -> Message:
        """Ask nothing."""
        return language_pb2.RuntimeOptionsResponse()

    def about(self, request: Message, context: Any) -> Message:
        """Say which Python runs programs."""
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def cancel(self, request: Message, context: Any) -> Message:
        """End running programs and plugins."""
        for child in list(self._children):
            _end(child)
        return empty_pb2.Empty()


def required_plugins(directories: Iterator[Path]) -> list[dict[str, str]]:
    """Find the plugins that installed packages ask for.

    Args:
        directories: Where packages are installed.

    Returns:
        Name, version and server of each, as far as its `pulumi-plugin.json` gives them.
    """
    files = [file for directory in directories for file in sorted(directory.glob("*/pulumi-plugin.json"))]
    asked = [json.loads(file.read_text()) for file in files]
    fields = ("name", "version", "server")
    return [{key: one[key] for key in fields if one.get(key)} for one in asked if one.get("resource") and "name" in one]


def program_arguments(request: Message, engine: str) -> list[str]:
    """Return the arguments of `pulumi-language-python-exec` for a Run request."""
    info = request.info
    options = {
        "monitor": request.monitor_address,
        "engine": engine,
        "project": request.project,
        "stack": request.stack,
        "pwd": request.pwd,
        "root_directory": info.root_directory,
        "dry_run": str(request.dryRun).lower(),
        "parallel": str(request.parallel),
        "organization": request.organization,
    }
    given = [text for name, value in options.items() if value for text in (f"--{name}", value)]
    return [*given, str(Path(info.program_directory, info.entry_point)), *request.args]


def plugin_arguments(request: Message) -> list[str]:
    """Return Python's arguments for a RunPlugin request."""
    program = str(Path(request.info.program_directory, request.info.entry_point))
    if request.kind == "analyzer":
        return ["-m", "pulumi.policy", *request.args, program]
    return [program, *request.args]


def _output(child: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield what a process prints, as (stream, bytes), until both streams are closed."""
    chunks: SimpleQueue[tuple[str, bytes]] = SimpleQueue()

    def forward(name: str, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            chunks.put((name, chunk))
        chunks.put((name, b""))

    streams = {name: stream for name, stream in (("stdout", child.stdout), ("stderr", child.stderr)) if stream}
    for name, stream in streams.items():
        threading.Thread(target=forward, args=(name, stream), daemon=True).start()
    open_streams = len(streams)
    while open_streams:
        name, chunk = chunks.get()
        if chunk:
            yield name, chunk
        else:
            open_streams -= 1


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
