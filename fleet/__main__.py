"""`python -m fleet`: the local fleet's command line."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fleet import local
from fleet.clusters.declaration import OlderFleet
from fleet.layout import REPOSITORY, Layout
from fleet.processes.records import read_records
from fleet.processes.supervisor import ProcessError
from fleet.progress import shown_progress
from fleet.provisioning.plugins import needed_tools
from fleet.provisioning.provision import NotApplied, provision
from fleet.provisioning.pulumi import PulumiError
from fleet.state import CONTROL_PLANE, read_state
from fleet.toolchain.background import made_in_background
from fleet.toolchain.catalogue import CLUSTER_TOOLS, STORE_TOOLS
from fleet.toolchain.golang import GoError
from fleet.toolchain.tools import ToolError, ensure_tools
from kube.errors import ApiError, Unreachable

app = typer.Typer(help="A real fleet of clusters as local processes.", no_args_is_help=True, add_completion=False)

FAILURES = (OlderFleet, ProcessError, GoError, ToolError, PulumiError, NotApplied, ApiError, Unreachable, OSError)
"""What a user can do something about: shown as a message, without a traceback."""

MembersOption = Annotated[
    int | None,
    typer.Option(min=1, max=50, help=f"Member clusters. Default: those there are, or {local.DEFAULT_MEMBERS}."),
]

BareOption = Annotated[bool, typer.Option("--bare", help="Start the clusters only, without the reference stack.")]


@app.command()
def up(members: MembersOption = None, bare: BareOption = False) -> None:
    """Start whatever is not running, roll the reference stack out, and wait until everything is ready."""
    layout = Layout.from_environment()
    with _explained("What was started stays: `up` goes on, `down` ends it."), shown_progress() as progress:
        tools = ensure_tools(CLUSTER_TOOLS, progress)
        with made_in_background(() if bare else needed_tools(), progress) as provisioning_tools:
            local.up(layout, tools, members, progress)
            if not bare:
                asyncio.run(provision(layout, provisioning_tools(), progress))
    status() if bare else summary(layout)


@app.command()
def tools() -> None:
    """Build whatever is missing of the programs that a fleet and its tests need."""
    with _explained("Run `tools` again: it goes on where it stopped."), shown_progress() as progress:
        ensure_tools((*CLUSTER_TOOLS, *needed_tools(), *STORE_TOOLS), progress)


@app.command()
def directory(member: str, server: str = "assistant") -> None:
    """Print the context directory of an MCP server in a member: files to read and to edit."""
    layout = Layout.from_environment()
    pods = read_state(layout).context_directories.get(member, {}).get(server, {})
    if not pods:
        print(f"no pod of {server} runs in {member}: see `python -m fleet status` and `make up`", file=sys.stderr)
        raise typer.Exit(1)
    print(layout.absolute(next(iter(pods.values()))))


@app.command()
def down() -> None:
    """Stop exactly what was started; the clusters' contents stay."""
    with _explained("Run `down` again to end the rest."), shown_progress() as progress:
        local.down(Layout.from_environment(), progress)


@app.command()
def clean() -> None:
    """Stop the fleet and remove everything that it stored."""
    with _explained("Run `clean` again to remove the rest."), shown_progress() as progress:
        local.clean(Layout.from_environment(), progress)


@app.command()
def status() -> None:
    """Show the clusters and processes."""
    layout = Layout.from_environment()
    clusters = Table("CLUSTER", "ROLE", "SERVER", "KUBECONFIG", box=None)
    for name, entry in read_state(layout).clusters.items():
        clusters.add_row(name, entry.role, entry.server, entry.kubeconfig)
    processes = Table("PROCESS", "STATE", "PID", "SINCE", "MEMORY", "LOG", box=None)
    for name, record in read_records(layout).items():
        state = "running" if record.alive else "ended"
        since = datetime.fromtimestamp(record.started, UTC).astimezone().strftime("%F %T")
        memory = f"{record.memory_bytes() / 2**20:.0f} MiB"
        processes.add_row(name, state, str(record.pid), since, memory, layout.relative(record.log))
    width = None if sys.stdout.isatty() else 240  # in a pipe nothing is cut to a terminal's width
    Console(width=width).print(clusters, "", processes)


def summary(layout: Layout) -> None:
    """What `make up` ends with: the contexts, the endpoints, and what to try."""
    environment = {**os.environ, "KUBECONFIG": str(layout.kubeconfig(CONTROL_PLANE))}
    subprocess.run([sys.executable, "-m", "cli.main", "status"], cwd=REPOSITORY, env=environment, check=False)
    print("\nMCP endpoints")
    for member, servers in sorted(read_state(layout).endpoints.items()):
        for server, url in servers.items():
            print(f"  {member}  {server}  {url}")
    directory = next(iter(read_state(layout).context_directories), "member1")
    print(f"""
Try next (after `source {layout.relative(layout.root / "env")}`)
  kubectl edit federatedcontext -n assistant assistant-resources    an edit on the control plane
  $EDITOR $(python -m fleet directory {directory})/assistant-resources/resources/features.md    an edit in a member
  mcpfed status --watch    watch both arrive""")


@contextmanager
def _explained(interrupted: str) -> Generator[None]:
    """Turn a failure into a message and exit code 1; `interrupted` says what Ctrl-C or SIGTERM leaves behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nInterrupted. {interrupted}", file=sys.stderr)
        raise typer.Exit(130) from None
    except FAILURES as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
