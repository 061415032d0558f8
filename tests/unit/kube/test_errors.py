from __future__ import annotations

import json

import pytest

from kube import errors
from kube.errors import ApiError, from_answer


def answer(code: int, reason: str, message: str = "said") -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": reason, "message": message}).encode()


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind"),
    [
        (400, "BadRequest", "", errors.BadRequest),
        (401, "Unauthorized", "", errors.Unauthorized),
        (403, "Forbidden", "", errors.Forbidden),
        (404, "NotFound", "", errors.NotFound),
        (409, "AlreadyExists", "", errors.AlreadyExists),
        (409, "Conflict", "", errors.Conflict),
        (410, "Expired", "", errors.Gone),
        (410, "Gone", "", errors.Gone),
        (413, "RequestEntityTooLarge", "", errors.TooLarge),
        (422, "Invalid", "", errors.Invalid),
        (429, "TooManyRequests", "", errors.TooManyRequests),
        (500, "InternalError", "etcdserver: request is too large", errors.TooLarge),
        (503, "ServiceUnavailable", "", errors.ServiceUnavailable),
        (504, "Timeout", "Too large resource version: 9, current: 3", errors.FutureVersion),
        (504, "Timeout", "timed out", ApiError),
    ],
)
def test_an_answer_becomes_the_error_that_a_caller_can_distinguish(
    status: int, reason: str, message: str, kind: type[ApiError]
) -> None:
    error = from_answer("GET Pod a/b", status, answer(status, reason, message))
    assert type(error) is kind
    assert (error.status, error.reason) == (status, reason)


def test_the_message_names_request_and_answer() -> None:
    error = from_answer("GET Pod a/b", 404, answer(404, "NotFound", 'pods "b" not found'))
    assert str(error) == 'GET Pod a/b: 404 NotFound: pods "b" not found'


def test_an_answer_that_is_no_status_is_quoted() -> None:
    error = from_answer("GET Pod a/b", 503, b"<html>upstream is down</html>\n")
    assert str(error) == "GET Pod a/b: 503: <html>upstream is down</html>"


def test_a_payload_echoed_by_the_server_is_cut() -> None:
    error = from_answer("PUT Pod a/b", 422, answer(422, "Invalid", "x" * 5000))
    assert len(str(error)) < 1100


def test_the_header_decides_how_long_to_wait_and_else_the_status() -> None:
    body = json.dumps({"code": 429, "details": {"retryAfterSeconds": 7}}).encode()
    assert from_answer("GET Pod a/b", 429, body).retry_after == 7
    assert from_answer("GET Pod a/b", 429, body, retry_after=2.0).retry_after == 2
