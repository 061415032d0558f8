"""Arguments and options that several commands have, each described once, and those that all commands have."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Concatenate

import typer

from cli.connection import connect
from kube.client import Api


class Output(StrEnum):
    """Forms of an answer."""

    TABLE = "table"
    JSON = "json"


ContextArgument = Annotated[
    str, typer.Argument(metavar="CONTEXT", help="A FederatedContext: its name, or namespace/name.", show_default=False)
]
ItemArgument = Annotated[str | None, typer.Argument(metavar="[ITEM]", help="One item.", show_default=False)]
VersionArgument = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="A revision.", show_default=False)]
NamespaceOption = Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table or json.")]
KubeconfigOption = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Of the control plane. Default: $KUBECONFIG, else the local fleet.")
]
KubeconfigContextOption = Annotated[
    str | None, typer.Option("--context", help="Kubeconfig context. Default: the current one.")
]
WaitOption = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait",
        help="Wait until every cluster serves the new version. Default: on a terminal.",
        show_default=False,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True)
class Common:
    """The options that every command has, as they were given."""

    namespace: NamespaceOption = None
    output: OutputOption = Output.TABLE
    kubeconfig: KubeconfigOption = None
    kubeconfig_context: KubeconfigContextOption = None

    async def connect(self) -> Api:
        """A client of the control plane; ConfigurationError if there is no kubeconfig, or it cannot be used."""
        return await connect(self.kubeconfig, self.kubeconfig_context)


def with_common_options(command: Callable[Concatenate[Common, ...], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A command for Typer, which reads options from a signature: the command's own ones, then those of Common."""
    _, *own = inspect.signature(command).parameters.values()
    common = inspect.signature(Common).parameters

    def run(**given: Any) -> None:
        options = Common(**{name: given.pop(name) for name in common})
        asyncio.run(command(options, **given))

    signature = inspect.Signature([*own, *common.values()])
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    run.__dict__["__signature__"] = signature
    return run
