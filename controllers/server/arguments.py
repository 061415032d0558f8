"""Arguments of tool calls, checked against the tool's JSON Schema."""

from collections.abc import Callable
from typing import Any, cast

import referencing
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from jsonschema.exceptions import best_match as _best_match  # pyright: ignore[reportUnknownVariableType]
from jsonschema.validators import validator_for

best_match = cast("Any", _best_match)
_NO_FORMATS = FormatChecker(formats=())
"""Whether a pattern is a regular expression is ECMAScript's matter, not Python's."""
_NOTHING_ELSE = cast("Any", referencing.Registry)()

ArgumentCheck = Callable[[dict[str, Any]], str | None]
"""Why the arguments are refused; None if they are accepted."""


def argument_check(schema: dict[str, Any]) -> ArgumentCheck:
    """The check for an `inputSchema`. Nothing is fetched: a reference out of the schema is an error.

    Raises:
        ValueError: the schema is not one.
    """
    kind = cast("Any", validator_for(schema, default=Draft202012Validator))  # pyright: ignore[reportUnknownMemberType]
    try:
        kind.check_schema(schema, format_checker=_NO_FORMATS)
    except SchemaError as error:
        place = ".".join(map(str, error.absolute_path))
        raise ValueError(f"definition.inputSchema.{place}: not a valid {error.validator}") from error
    validator = kind(schema, registry=_NOTHING_ELSE)

    def check(arguments: dict[str, Any]) -> str | None:
        try:
            found = best_match(validator.iter_errors(arguments))
        except Exception as error:
            return f"the tool's inputSchema cannot be applied: {type(error).__name__}"
        if found is None:
            return None
        place = ".".join(map(str, found.absolute_path))
        return f"{place}: {found.message}" if place else str(found.message)

    return check
