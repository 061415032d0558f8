"""How answers are printed: tables and diffs for people, JSON for programs, exit codes for scripts."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.problem import Problem

OUT_OF_SYNC: Final = 1
"""Exit code: out of sync, or a difference was found."""
ERROR: Final = 2

_PIPE_WIDTH = 240
_DIFF_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def console() -> Console:
    """Of stdout; in a pipe nothing is cut to a terminal's width."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def table(header: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A plain table."""
    result = Table(box=None, header_style="bold", pad_edge=False)
    for column in header:
        result.add_column(column, overflow="fold")
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    return result


def print_json(value: Any) -> None:
    """One JSON document."""
    console().print_json(json.dumps(value))


def print_lines(lines: Iterable[str]) -> None:
    """Text as it is, one line each, however long."""
    target = console()
    for line in lines:
        target.print(Text(printable(line)), soft_wrap=True)


def print_diff(lines: Iterable[str]) -> None:
    """A unified diff, in colour on a terminal."""
    target = console()
    for line in lines:
        style = next((style for start, style in _DIFF_STYLES if line.startswith(start)), "")
        target.print(Text(printable(line), style=style), soft_wrap=True)


def print_bytes(data: bytes) -> None:
    """Content: byte for byte into a pipe or file, made harmless on a terminal."""
    if not sys.stdout.isatty():
        typer.echo(data, nl=False)
        return
    try:
        print_lines(data.decode().removesuffix("\n").split("\n"))
    except UnicodeDecodeError:
        print_lines([f"({len(data)} bytes, not text; redirect the output into a file)"])


def ask(command: str, question: str, *, yes: bool) -> None:
    """Returns if a person agrees, or has done so with --yes.

    Raises:
        Problem: not agreed, or nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Problem(f"{command}: nobody can be asked here; add --yes")
    if not typer.confirm(question, err=True):
        raise Problem(f"{command}: not confirmed, nothing was changed")


def note(message: str) -> None:
    """A line about the course of a command, on stderr."""
    typer.echo(printable(message), err=True)


def printable(text: str) -> str:
    """Text without control characters, which could move a terminal's cursor or forge its output."""
    return "".join(c if c.isprintable() or c in "\t\n" else f"\\x{ord(c):02x}" for c in text)


def short(digest: str) -> str:
    """A digest for people."""
    return digest.removeprefix("sha256:")[:12]
