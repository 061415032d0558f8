"""An item's document: the JSON object in a file, or what is wrong with it and in which line."""

import json
from collections.abc import Iterable
from typing import Any, Final, cast

from pydantic import ValidationError

MAX_DEPTH: Final = 100
"""Levels of nesting in a document: more would exhaust the stack of whoever walks it."""


class UnreadableError(Exception):
    """A file that makes no item."""

    def __init__(self, path: str, line: int | None, message: str) -> None:
        self.path, self.line, self.message = path, line, message


def read_document(path: str, data: bytes) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        UnreadableError: it holds none, or none that every reader takes for the same.
    """
    try:
        text = data.decode()
        document: object = json.loads(text)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeDecodeError as error:
        raise UnreadableError(path, data.count(b"\n", 0, error.start) + 1, "not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise UnreadableError(path, error.lineno, f"not JSON: {error.msg} (column {error.colno})") from error
    except UnicodeEncodeError as error:
        raise UnreadableError(path, None, "holds half of a surrogate pair, which is not text") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(path, None, f"not portable JSON: {error}") from error
    if _deeper_than(document, MAX_DEPTH):
        raise UnreadableError(path, None, f"nested more than {MAX_DEPTH} levels deep")
    if not isinstance(document, dict):
        raise UnreadableError(path, 1, "not a JSON object")
    return cast("dict[str, Any]", document)


def _deeper_than(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    members = cast("Iterable[object]", value.values() if isinstance(value, dict) else value)
    return levels == 0 or any(_deeper_than(member, levels - 1) for member in members)


def why_invalid(error: ValidationError) -> str:
    """What is wrong with a document that is not an item's."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    hint = "; a field of the MCP object goes under definition" if first["type"] == "extra_forbidden" else ""
    return f"{place}: {first['msg']}{hint}" if place else first["msg"] + hint
