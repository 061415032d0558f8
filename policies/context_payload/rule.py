"""A rule: a pure function from a declared context to its faults, which the pack reports as violations."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydantic import ValidationError

from policies.context_payload.declared import DeclaredContext

Faults = Iterator[tuple[str | None, str]]
"""Item (None: the context) and message."""


def validation_faults(error: ValidationError) -> Iterator[str]:
    """Where each fault is and what it is, without the value: it may be long or confidential."""
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        yield f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ")


class Violation(NamedTuple):
    """What breaks a rule, and where."""

    context: str
    item: str | None
    """None: the context as a whole."""
    message: str

    def __str__(self) -> str:
        """For people, as Pulumi prints it."""
        where = f"context {self.context!r}" + (f", item {self.item!r}" if self.item else "")
        return f"{where}: {self.message}"


class Rule(NamedTuple):
    """A rule by the function that finds its faults; the function's docstring describes it."""

    faults: Callable[[DeclaredContext], Faults]

    @property
    def description(self) -> str:
        """What the rule demands, for people."""
        return (self.faults.__doc__ or "").strip()

    def check(self, context: DeclaredContext) -> list[Violation]:
        """What breaks the rule in a context."""
        return [Violation(context.name, item, message) for item, message in self.faults(context)]
