"""Every command takes its own options and those that all commands have."""

import pytest
import typer
from typer.testing import CliRunner

from cli.main import app
from cli.options import Common, ItemArgument, Output, with_common_options

COMMON = ("--namespace", "--output", "--kubeconfig", "--context")


def test_a_command_gets_its_own_and_the_common_options() -> None:
    given: list[tuple[Common, str | None]] = []

    async def look(options: Common, item: ItemArgument = None) -> None:
        given.append((options, item))

    program = typer.Typer()
    program.command()(with_common_options(look))
    assert CliRunner().invoke(program, ["a", "-n", "team", "-o", "json", "--context", "c"]).exit_code == 0
    assert given == [(Common("team", Output.JSON, None, "c"), "a")]


@pytest.mark.parametrize(
    "command", [command.callback.__name__ for command in app.registered_commands if command.callback]
)
def test_every_command_has_the_common_options(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert [option for option in COMMON if option not in text] == []
