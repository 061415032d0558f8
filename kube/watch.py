"""What an API server sends over a watch: JSON lines, each an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from kube.errors import Unreachable, from_status
from kube.kinds import Object

MAX_LINE_BYTES = 8 * 1024 * 1024
"""An object of the 1.5 MiB that etcd stores is at most about 4 MiB on the wire; more than this is not an event."""
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
"""Annotation of the bookmark that ends the initial events of a streaming list."""

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


class WatchEvent(NamedTuple):
    """One change, or a bookmark, which carries nothing but the version reached."""

    type: EventType
    object: Object

    @property
    def version(self) -> str:
        """The resource version that the stream has reached with this event."""
        return self.object["metadata"]["resourceVersion"]

    @property
    def ends_initial_events(self) -> bool:
        """Whether this bookmark marks the end of a streaming list."""
        annotations: Mapping[str, str] = self.object["metadata"].get("annotations") or {}
        return self.type == "BOOKMARK" and annotations.get(INITIAL_EVENTS_END) == "true"


class _Line(msgspec.Struct):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: dict[str, Any]


_decoder = msgspec.json.Decoder(_Line)


def parse_event(line: bytes, request: str) -> WatchEvent:
    """The event on a line.

    Args:
        line: one line of the answer.
        request: what is watched, for error messages.

    Raises:
        ApiError: the line is an ERROR event; Gone if the version is too old.
        Unreachable: the line is not an event, as after a cut or with a proxy in between.
    """
    try:
        parsed = _decoder.decode(line)
    except msgspec.DecodeError as error:
        raise Unreachable(f"{request}: {len(line)} bytes that are no watch event: {error}") from error
    if parsed.type == "ERROR":
        raise from_status(request, parsed.object)
    return WatchEvent(parsed.type, parsed.object)


class LineBuffer:
    """Cuts a byte stream into lines."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._max = max_bytes

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that the chunk completes, without their line ends; empty ones are left out.

        Raises:
            Unreachable: a line grows beyond the limit.
        """
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            whole = b"".join((*self._parts, line))
            self._parts, self._size = [], 0
            if whole:
                yield whole
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > self._max:
            raise Unreachable(f"a line of more than {self._max} bytes in a watch")

    @property
    def is_empty(self) -> bool:
        """Whether the stream is at the start of a line: false at its end means that it was cut."""
        return self._size == 0
