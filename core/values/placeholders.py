"""Placeholders `{{name}}` in the texts of prompts and resource templates: which there are, and filling them in."""

import re
from collections.abc import Mapping
from typing import Any, Final

_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")


def find(text: str) -> list[str]:
    """Names of the placeholders in a text, each once, in order."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


def fill(value: Any, arguments: Mapping[str, str]) -> Any:
    """A JSON value with the placeholders in all its texts replaced, in one pass; unknown ones stay as they are."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: arguments.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [fill(member, arguments) for member in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {key: fill(member, arguments) for key, member in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
