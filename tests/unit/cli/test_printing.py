"""What is printed is whole in a pipe and harmless on a terminal."""

import json
from io import StringIO

import pytest
from rich.console import Console

from cli import printing


def test_control_characters_and_text_that_runs_backwards_are_made_visible() -> None:
    assert printing.printable("a\x1b[2Jb\r\u202ec\n\td ü") == "a\\x1b[2Jb\\x0d\\x202ec\n\td ü"


def test_markup_in_a_cell_is_text() -> None:
    stream = StringIO()
    Console(file=stream).print(printing.table(("ITEM",), [("[red]x[/red]",)]))
    assert "[red]x[/red]" in stream.getvalue()


def test_json_is_one_document_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"text": "x" * 10_000 + "\x1b[0m"}
    printing.print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert "\x1b" not in out


def test_bytes_go_unchanged_into_a_pipe(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    printing.print_bytes(b"\x00\xff\x1b")
    assert capfdbinary.readouterr().out == b"\x00\xff\x1b"


def test_a_long_line_of_a_diff_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    printing.print_diff(["+" + "x" * 1000])
    assert capsys.readouterr().out == "+" + "x" * 1000 + "\n"
