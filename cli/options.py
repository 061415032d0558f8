"""Arguments and options that several commands have, each described once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """Forms of an answer."""

    TABLE = "table"
    JSON = "json"


ContextArgument = Annotated[
    str, typer.Argument(metavar="CONTEXT", help="A FederatedContext: its name, or namespace/name.", show_default=False)
]
ItemArgument = Annotated[str | None, typer.Argument(metavar="[ITEM]", help="One item.", show_default=False)]
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
