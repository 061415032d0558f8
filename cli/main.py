"""`mcpfed`: exit code 0 when all is in sync, 1 when not or when a difference was found, 2 when it could not be done."""

import sys

import typer
from pydantic import ValidationError

from cli.confirm import confirm
from cli.conflicts import conflicts
from cli.diff import diff
from cli.history import history
from cli.options import with_common_options
from cli.printing import ERROR, note
from cli.problem import Problem, first_error
from cli.reading import get, show
from cli.resolve import resolve
from cli.rollback import rollback
from cli.status import status
from cli.verify import verify
from core.inspection.resolve import Unresolvable
from kube.errors import ApiError, ConfigurationError, Unreachable
from kube.telemetry import configure_logging

app = typer.Typer(
    name="mcpfed",
    help="Contexts of MCP servers in many clusters, kept the same.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (status, get, history, show, diff, rollback, conflicts, resolve, confirm, verify):
    app.command()(with_common_options(command))


def main() -> None:
    """Entry point: failures that a person can correct are one line on stderr."""
    configure_logging("ERROR")
    try:
        app()
    except ValidationError as error:
        _fail(first_error(error))
    except (ApiError, Unreachable, ConfigurationError, Problem, Unresolvable) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    note(f"error: {' '.join(message.split())}")
    sys.exit(ERROR)


if __name__ == "__main__":
    main()
