from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.errors import Gone, Unreachable
from kube.watch import LineBuffer, parse_event
from tests.support.stub_server import bookmark, event


def line(value: object) -> bytes:
    return json.dumps(value).encode()


def test_a_line_becomes_an_event() -> None:
    parsed = parse_event(line(event("MODIFIED", "a", 7, data={"k": "v"})), "WATCH ConfigMap")
    assert (parsed.type, parsed.version, parsed.object["data"]) == ("MODIFIED", "7", {"k": "v"})


def test_only_the_annotated_bookmark_ends_the_initial_events() -> None:
    assert parse_event(line(bookmark(7, end=True)), "").ends_initial_events
    assert not parse_event(line(bookmark(7)), "").ends_initial_events
    assert not parse_event(line(event("ADDED", "a", 7)), "").ends_initial_events


def test_an_error_event_is_raised_as_the_error_it_carries() -> None:
    error = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
    with pytest.raises(Gone, match="WATCH ConfigMap: 410 Expired: too old"):
        parse_event(line(error), "WATCH ConfigMap")


@pytest.mark.parametrize(
    "broken", [b'{"type":"ADDED","obj', b"<html>", b"[]", b'{"type":"OTHER","object":{}}', b"\xff"]
)
def test_what_is_no_event_breaks_the_watch_and_is_not_quoted(broken: bytes) -> None:
    with pytest.raises(Unreachable, match=f"WATCH ConfigMap: {len(broken)} bytes that are no watch event"):
        parse_event(broken, "WATCH ConfigMap")


@given(st.lists(st.binary().filter(lambda b: b"\n" not in b)), st.lists(st.integers(0, 400)))
def test_lines_come_out_whole_however_the_stream_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(one + b"\n" for one in lines)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    buffer = LineBuffer()
    chunks = [stream[start:end] for start, end in pairwise(edges)]
    assert [one for chunk in chunks for one in buffer.feed(chunk)] == [one for one in lines if one]
    assert buffer.is_empty


def test_an_unfinished_line_is_noticed() -> None:
    buffer = LineBuffer()
    assert list(buffer.feed(b'{"a":1}\n{"b"')) == [b'{"a":1}']
    assert not buffer.is_empty


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    buffer = LineBuffer(max_bytes=100)
    assert list(buffer.feed(b"x" * 100)) == []
    with pytest.raises(Unreachable, match="more than 100 bytes"):
        list(buffer.feed(b"x"))
