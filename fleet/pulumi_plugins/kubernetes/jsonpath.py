"""The part of JSONPath (RFC 9535) that says what to wait for: names, indices, `*`, and one comparison in a filter."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from fleet.pulumi_plugins.kubernetes.objects import nested
from fleet.pulumi_plugins.values import is_list, is_object

_SEGMENT: Final = re.compile(
    r"""
      \.(?P<name>[\w-]+)
    | \[\s*(?P<quoted>'[^']*'|"[^"]*")\s*\]
    | \[\s*(?P<index>-?\d+)\s*\]
    | (?P<all>\.\*|\[\s*\*\s*\])
    | \[\s*\?\s*\(?\s*@(?P<field>(?:\.[\w-]+)+)\s*
        (?:(?P<operator>==|!=)\s*(?P<literal>'[^']*'|"[^"]*"|[\w.+-]+)\s*)?\)?\s*\]
    """,
    re.VERBOSE,
)

Step = Callable[[Any], Iterable[Any]]


@dataclass(frozen=True)
class JSONPath:
    """A parsed path."""

    text: str
    steps: tuple[Step, ...]

    def select(self, value: Any) -> list[Any]:
        """Return every value at the path, in document order."""
        found = [value]
        for step in self.steps:
            found = [item for value in found for item in step(value)]
        return found


def parse(text: str) -> JSONPath:
    """Read a path such as `.status.conditions[?(@.type=="Ready")].status`; a leading `$` is optional.

    Raises:
        ValueError: The path is malformed or uses what is not supported.
    """
    rest = text.strip().removeprefix("$")
    steps: list[Step] = []
    while rest:
        segment = _SEGMENT.match(rest)
        if segment is None:
            raise ValueError(f"JSONPath {text!r}: cannot read {rest!r}.")
        steps.append(_step(segment))
        rest = rest[segment.end() :]
    return JSONPath(text, tuple(steps))


def _step(segment: re.Match[str]) -> Step:
    parts = segment.groupdict()
    if parts["name"] or parts["quoted"]:
        return _member(parts["name"] or parts["quoted"][1:-1])
    if parts["index"]:
        return _element(int(parts["index"]))
    if parts["all"]:
        return _children
    return _filter(parts["field"].split(".")[1:], parts["operator"], parts["literal"])


def _member(name: str) -> Step:
    return lambda value: [value[name]] if is_object(value) and name in value else []


def _element(index: int) -> Step:
    return lambda value: [value[index]] if is_list(value) and -len(value) <= index < len(value) else []


def _children(value: Any) -> Iterable[Any]:
    return value.values() if is_object(value) else value if is_list(value) else []


def _filter(field: list[str], operator: str | None, literal: str | None) -> Step:
    def holds(item: Any) -> bool:
        found = nested(item, *field)
        if operator is None or literal is None:
            return found is not None
        return (found is not None and as_text(found) == literal.strip("'\"")) is (operator == "==")

    return lambda value: [item for item in _children(value) if holds(item)]


def as_text(value: Any) -> str:
    """Write a JSON scalar as people write it in an annotation: `true`, `3`, `Ready`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
