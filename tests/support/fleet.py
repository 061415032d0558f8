"""The local fleet as a user runs it: commands, state, processes, logs and Pulumi. Waits have deadlines."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from fleet.layout import DIRECTORY_VARIABLE, REPOSITORY, Layout
from fleet.state import CONTROL_PLANE, FleetState, read_state
from kube.client import Api

SERVER = "assistant"
"""The MCP server of the reference stack, and its namespace."""

_TAIL_LINES = 12
_OPTIONS = ("PULUMI_OPTION_CONFIG_FILE", "PULUMI_OPTION_POLICY_PACK")
"""What the fleet's shell environment presets for the reference stack."""


@dataclass(frozen=True)
class Run:
    """A program that ended."""

    code: int
    output: str

    def succeeded(self) -> Run:
        """This run; AssertionError with its output if it failed."""
        assert self.code == 0, self.output
        return self


@dataclass(frozen=True)
class Container:
    """A running container."""

    cluster: str
    module: str
    """The Python module that it runs, e.g. `controllers.agent`."""
    pod: str
    process: psutil.Process


class LocalFleet:
    """One fleet in a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)

    def command(self, *arguments: str, seconds: float) -> str:
        """Runs `python -m fleet` and returns what it said.

        Raises:
            RuntimeError: it failed.
            TimeoutExpired: the deadline passed; it was asked to end, and has.
        """
        environment = {**os.environ, DIRECTORY_VARIABLE: str(self.layout.root)}
        process = subprocess.Popen(
            [sys.executable, "-m", "fleet", *arguments],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            output, _ = process.communicate(timeout=seconds)
        except BaseException:
            process.terminate()
            process.communicate(timeout=60)
            raise
        if process.returncode:
            raise RuntimeError(f"fleet {' '.join(arguments)} failed:\n{output[-8000:]}")
        return output

    @property
    def state(self) -> FleetState:
        """What runs, as of now."""
        return read_state(self.layout)

    @property
    def members(self) -> list[str]:
        """The names of the members."""
        return [name for name, entry in self.state.clusters.items() if entry.role == "member"]

    async def api(self, cluster: str = CONTROL_PLANE) -> Api:
        """A client of a cluster, as its administrator."""
        return await Api.from_kubeconfig(self.kubeconfig(cluster))

    def kubeconfig(self, cluster: str) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.absolute(self.state.clusters[cluster].kubeconfig)

    def endpoint(self, member: str) -> str:
        """URL of the MCP server in a member."""
        return self.state.endpoints[member][SERVER]

    def volumes(self, member: str) -> dict[str, Path]:
        """The volumes of the MCP server's pods in a member, by pod."""
        found = self.state.context_directories.get(member, {}).get(SERVER, {})
        return {pod: self.layout.absolute(path) for pod, path in found.items()}

    def process(self, name: str) -> psutil.Process | None:
        """A process of the fleet itself, None while it does not run."""
        entry = self.state.processes.get(name)
        return _running(entry.pid) if entry else None

    def container(self, cluster: str, module: str, pod: str | None = None) -> psutil.Process | None:
        """The process of a container that runs a Python module, None while it does not run."""
        return next((one.process for one in self.containers(cluster, module) if pod in (None, one.pod)), None)

    def containers(self, cluster: str | None = None, module: str | None = None) -> Iterator[Container]:
        """The containers of pods in a cluster, or in all, that run a Python module, or any."""
        ports = {entry.server.rpartition(":")[2]: name for name, entry in self.state.clusters.items()}
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                if words[1:2] != ["-m"] or not words[2].startswith("controllers.") or module not in (None, words[2]):
                    continue
                variables = process.environ()
            except psutil.Error:
                continue
            of = ports.get(variables.get("KUBERNETES_SERVICE_PORT", ""))
            if of is not None and cluster in (None, of):
                yield Container(of, words[2], variables.get("HOSTNAME", ""), process)

    def container_log(self, cluster: str, pod: str, container: str) -> str:
        """What a container has logged since it started."""
        (log,) = self.layout.node(cluster).glob(f"pods/*_{pod}_*/{container}.log")
        return log.read_text(errors="replace")

    async def kubectl(self, cluster: str, *arguments: str, seconds: float = 30) -> str:
        """What kubectl says."""
        program = shutil.which("kubectl", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        assert program, "kubectl is missing: install requirements-dev.txt"
        run = await execute(program, f"--kubeconfig={self.kubeconfig(cluster)}", *arguments, seconds=seconds)
        return run.succeeded().output

    async def pulumi(self, *arguments: str, project: Path | None = None, seconds: float = 180) -> Run:
        """Runs Pulumi on the reference stack, or on the current stack of the program in `project`."""
        environment = {**os.environ, **self._shell_environment()}
        if project is not None:
            for option in _OPTIONS:
                environment.pop(option, None)
        command = ("pulumi", "--non-interactive", "--color=never", *arguments)
        program = shutil.which("pulumi", path=environment["PATH"])
        assert program, "the fleet has no pulumi"
        return await execute(
            program, *command[1:], seconds=seconds, environment=environment, directory=project or REPOSITORY
        )

    def _shell_environment(self) -> dict[str, str]:
        words = shlex.split((self.layout.root / "env").read_text(), comments=True)
        return dict(word.split("=", 1) for word in words if word != "export")

    def tails(self) -> Iterator[tuple[str, str]]:
        """The ends of the logs that matter when a test failed: title and text."""
        logs = [*sorted(self.layout.root.glob("nodes/*/pods/*/*.log")), self.layout.log("karmada-controller-manager")]
        for log in logs:
            if log.exists():
                lines = log.read_text(errors="replace").splitlines()
                words = [line[:400] for line in lines if _matters(line)][-_TAIL_LINES:]
                yield f"log {log.relative_to(self.layout.root)}", "\n".join(words)


def _matters(line: str) -> bool:
    try:
        return json.loads(line).get("level", "error") != "debug"
    except (json.JSONDecodeError, AttributeError):
        return not line.startswith("I")


def _running(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


async def execute(
    *command: str, seconds: float, environment: dict[str, str] | None = None, directory: Path = REPOSITORY
) -> Run:
    """Runs a program to its end; at the deadline it and what it started are killed, and TimeoutError is raised."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Run(process.returncode or 0, output.decode(errors="replace"))
