"""Pulumi for the local fleet: state, plugins and configuration are in the fleet's directory, nothing is the user's."""

import asyncio
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from files import durable
from fleet.layout import REPOSITORY, Layout
from fleet.provisioning.plugins import downloaded, install_plugins
from fleet.state import CONTROL_PLANE, HOST, FleetState

STACK = "local"
PROJECT = "mcp-federation"
POLICY_PACK = REPOSITORY / "policies" / "context_payload"
UP_SECONDS = 900.0
"""Deadline for one run of the program."""


class PulumiError(Exception):
    """A run of Pulumi failed; its own words are the message."""


@dataclass(frozen=True)
class Pulumi:
    """The engine with the environment of one fleet."""

    binary: Path
    programs: tuple[Path, ...]
    """Directories of programs, for PATH."""
    environment: Mapping[str, str]
    config_file: Path
    log: Path

    async def run(self, *arguments: str, report: Callable[[str], None] | None = None) -> str:
        """Runs `pulumi` and returns its output; each line goes to `report` as it comes.

        Raises:
            PulumiError: exit code other than 0, or the deadline.
        """
        process = await asyncio.create_subprocess_exec(
            self.binary,
            *arguments,
            "--non-interactive",
            cwd=REPOSITORY,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        lines: list[str] = []

        async def read() -> None:
            assert process.stdout is not None
            async for line in process.stdout:
                lines.append(line.decode(errors="replace").rstrip())
                if report:
                    report(lines[-1])
            await process.wait()

        try:
            await asyncio.wait_for(read(), UP_SECONDS)
        except TimeoutError:
            raise PulumiError(f"pulumi {arguments[0]} took longer than {UP_SECONDS:.0f} s; log: {self.log}") from None
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            self.log.write_text("\n".join(lines) + "\n")
        if process.returncode:
            tail = "\n".join(line for line in lines[-60:] if line.strip())
            raise PulumiError(
                f"pulumi {arguments[0]} failed (exit code {process.returncode}):\n{tail}\nlog: {self.log}"
            )
        return "\n".join(lines)

    async def select_stack(self) -> None:
        """Selects the fleet's stack, created when needed.

        Pulumi notes a new stack's salt beside the project file, whatever `--config-file` says: so the stack is created
        for a copy of that file beside our configuration, and fleets of one checkout do not share a salt.
        """
        shutil.copy(REPOSITORY / "Pulumi.yaml", self.config_file.parent)
        await self.run("stack", "select", STACK, "--create", f"--cwd={self.config_file.parent}")
        await self.run("stack", "select", STACK)

    async def up(self, report: Callable[[str], None] | None = None, *more: str) -> str:
        """`pulumi up` with the policy pack."""
        options = ("--yes", "--color=never", f"--policy-pack={POLICY_PACK}")
        return await self.run("up", *options, *self.stack_options, *more, report=report)

    @property
    def stack_options(self) -> tuple[str, ...]:
        """Which stack, with which configuration."""
        return (f"--stack={STACK}", f"--config-file={self.config_file}")


def prepare(layout: Layout, tools: Mapping[str, Path]) -> Pulumi:
    """Puts the plugins in place and makes the environment; `tools` are those of `plugins.needed_tools`."""
    root = layout.root / "pulumi"
    (root / "state").mkdir(parents=True, exist_ok=True)
    install_plugins(root / "home", tools)
    programs = (tools["pulumi"].parent, Path(sys.executable).parent)
    return Pulumi(
        binary=tools["pulumi"],
        programs=programs,
        environment=_environment(root, programs),
        config_file=root / f"Pulumi.{STACK}.yaml",
        log=layout.log("pulumi"),
    )


def write_config(layout: Layout, pulumi: Pulumi, state: FleetState) -> None:
    """The stack's configuration for these clusters; what a person has added to it stays."""
    present: dict[str, Any] = {}
    if pulumi.config_file.exists():
        present = yaml.safe_load(pulumi.config_file.read_text()) or {}
    config = {**present.get("config", {}), **stack_config(layout, state)}
    durable.write(pulumi.config_file, yaml.safe_dump({**present, "config": config}, sort_keys=False), mode=0o600)


def stack_config(layout: Layout, state: FleetState) -> dict[str, Any]:
    """Values for stacks/federation: the shape is `StackConfig` in stacks/federation/config.py."""

    def cluster(name: str) -> dict[str, str]:
        return {"kubeconfig": str(layout.absolute(state.clusters[name].kubeconfig))}

    members = sorted(name for name, entry in state.clusters.items() if entry.role not in (HOST, CONTROL_PLANE))
    fleet: dict[str, Any] = {
        "host": cluster(HOST),
        "controlPlane": cluster(CONTROL_PLANE),
        "members": {name: cluster(name) for name in members},
        "register": True,
    }
    declarations = "examples.assistant.contexts"
    return {f"{PROJECT}:fleet": fleet, f"{PROJECT}:declarations": declarations, f"{PROJECT}:retainCrds": False}


def write_shell_environment(layout: Layout, pulumi: Pulumi) -> Path:
    """A file to source, so that a person can run `pulumi` and `kubectl` on this fleet by hand."""
    path = layout.root / "env"
    own = {key: value for key, value in pulumi.environment.items() if os.environ.get(key) != value}
    own |= {
        "KUBECONFIG": str(layout.kubeconfig(CONTROL_PLANE)),
        "PULUMI_OPTION_CONFIG_FILE": str(pulumi.config_file),
        "PULUMI_OPTION_POLICY_PACK": str(POLICY_PACK),
    }
    del own["PATH"]
    lines = [f"export {key}={shlex.quote(value)}" for key, value in sorted(own.items())]
    lines.append(f'export PATH={shlex.quote(os.pathsep.join(map(str, pulumi.programs)))}:"$PATH"')
    durable.write(path, "\n".join(lines) + "\n", mode=0o600)
    return path


def _environment(root: Path, programs: tuple[Path, ...]) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
        "PATH": os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": str(REPOSITORY),
        "PULUMI_HOME": str(root / "home"),
        "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": _passphrase(root / "passphrase"),
        "PULUMI_CREDENTIAL_STORE": "plaintext",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": str(not downloaded()).lower(),
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
    }


def _passphrase(path: Path) -> str:
    if not path.exists():
        durable.write(path, secrets.token_urlsafe(24), mode=0o600)
    return path.read_text()
