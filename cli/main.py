"""`mcpfed`: exit code 0 when all is in sync, 1 when not, 2 when it could not be found out."""

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.live import Live

from api.federated_context import FederatedContext
from cli import status as status_view
from cli.control_plane import connect
from controllers.runtime.errors import ApiError, ConfigurationError, Unreachable
from controllers.runtime.kinds import FEDERATED_CONTEXT
from controllers.runtime.reflector import Reflector

app = typer.Typer(name="mcpfed", help="Contexts of MCP servers in many clusters, kept the same.", no_args_is_help=True)

OUT_OF_SYNC, ERROR = 1, 2
REFRESH_SECONDS = 0.2
"""With --watch: the screen is drawn at most this often."""


class Output(StrEnum):
    """Forms of an answer."""

    TABLE = "table"
    JSON = "json"


KubeconfigOption = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Of the control plane. Default: $KUBECONFIG, else the local fleet.")
]
ContextOption = Annotated[str | None, typer.Option("--context", help="Kubeconfig context. Default: the current one.")]


@app.callback()
def root() -> None:
    """Contexts of MCP servers in many clusters, kept the same."""


@app.command()
def status(
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing; Ctrl-C ends.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="table or json.")] = Output.TABLE,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Is every context in sync everywhere? If not: where, why, since when."""
    if watch:
        asyncio.run(_watch(namespace, kubeconfig, context))
        return
    contexts = asyncio.run(_contexts(namespace, kubeconfig, context))
    # In a pipe nothing is cut to a terminal's width.
    status_view.show(Console(width=None if sys.stdout.isatty() else 240), contexts, output)
    raise typer.Exit(0 if status_view.in_sync(contexts) else OUT_OF_SYNC)


async def _contexts(namespace: str | None, kubeconfig: Path | None, context: str | None) -> list[FederatedContext]:
    async with await connect(kubeconfig, context) as api:
        return [FederatedContext.parse(raw) for raw in await api.list(FEDERATED_CONTEXT, namespace)]


async def _watch(namespace: str | None, kubeconfig: Path | None, context: str | None) -> None:
    """Follows the contexts and redraws when something has changed."""
    async with await connect(kubeconfig, context) as api:
        reflector, changed = Reflector(api, FEDERATED_CONTEXT, namespace), asyncio.Event()
        reflector.subscribe(lambda key, old, new: changed.set())
        following = asyncio.create_task(reflector.run())
        try:
            await reflector.synced.wait()
            with Live(auto_refresh=False) as live:
                while True:
                    changed.clear()
                    contexts = [FederatedContext.parse(raw) for _, raw in sorted(reflector.cache.items())]
                    live.update(status_view.as_table(contexts), refresh=True)
                    await changed.wait()
                    await asyncio.sleep(REFRESH_SECONDS)
        finally:
            following.cancel()


def main() -> None:
    """Entry point: failures that a person can mend are one line on stderr."""
    try:
        app()
    except (ApiError, Unreachable, ConfigurationError, ValidationError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(ERROR)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
