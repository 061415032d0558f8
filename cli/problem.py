"""What the command line cannot do, as one line."""

from pydantic import ValidationError


class Problem(Exception):
    """A request that cannot be met; the message has what, where, and what to do."""


def first_error(error: ValidationError) -> str:
    """The first of the errors, without the value that it is about."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{error.title}: {place}: {first['msg']}" if place else f"{error.title}: {first['msg']}"
