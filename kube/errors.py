"""What can go wrong between us and an API server, as types that a caller can distinguish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_MAX_MESSAGE = 1000
"""Characters kept of a server's answer: enough to act on, too little to carry a payload that it echoes."""


class ConfigurationError(Exception):
    """Credentials or settings that cannot be used; the message has which, where, and what to do."""


class Unreachable(Exception):
    """The API server did not answer: connection refused or cut, name unknown, TLS refused, deadline passed.

    A write that ends so may have been carried out.
    """


class Silent(Unreachable):
    """A watch was open but nothing, not even a bookmark, came over it for the idle time."""


class ApiError(Exception):
    """The API server answered with a failure."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Holds the parts of a metav1.Status.

        Args:
            status: HTTP status code.
            reason: machine-readable, such as `AlreadyExists`.
            message: names the request and what the server answered.
            details: `causes`, `name`, `kind` and so on, where the server gave them.
            retry_after: seconds that the server asks to wait.
        """
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.retry_after = retry_after


class BadRequest(ApiError):
    """400: the request is malformed or not supported."""


class Unauthorized(ApiError):
    """401: the credentials are missing, expired or unknown."""


class Forbidden(ApiError):
    """403: not allowed by RBAC or refused by admission."""


class NotFound(ApiError):
    """404: no such object, or no such kind is served."""


class AlreadyExists(ApiError):
    """409: created by somebody before."""


class Conflict(ApiError):
    """409: the object has changed, a precondition does not hold, or another field manager owns a field."""


class Gone(ApiError):
    """410: the resource version or continuation token is too old; list again."""


class TooLarge(ApiError):
    """413, or 500 from etcd: the object exceeds what the server stores."""


class Invalid(ApiError):
    """422: the object breaks its schema or a validation rule."""


class TooManyRequests(ApiError):
    """429: the server sheds load."""


class ServiceUnavailable(ApiError):
    """503: the server, or the aggregated one behind it, is not ready."""


class FutureVersion(ApiError):
    """504 "Too large resource version": the store is older than what we have seen, as after a restore; list again."""


_BY_REASON: dict[str, type[ApiError]] = {"AlreadyExists": AlreadyExists, "Expired": Gone}
_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    422: Invalid,
    429: TooManyRequests,
    503: ServiceUnavailable,
}


def from_answer(request: str, status: int, body: bytes, retry_after: float | None = None) -> ApiError:
    """The error for an HTTP answer of 400 and above.

    Args:
        request: what was asked, for the message, such as `GET Pod default/a`.
        status: the HTTP status code.
        body: the answer; usually a metav1.Status, from proxies anything.
        retry_after: the answer's Retry-After, seconds.
    """
    try:
        parsed = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        parsed: dict[str, Any] = {"message": body[:_MAX_MESSAGE].decode(errors="replace").strip()}
    return from_status(request, {**parsed, "code": status}, retry_after)


def from_status(request: str, answer: Mapping[str, Any], retry_after: float | None = None) -> ApiError:
    """The error for a metav1.Status, which a watch also sends as an event.

    Args:
        request: what was asked, for the message.
        answer: the Status object.
        retry_after: seconds, where an HTTP header gave it; else taken from the Status.
    """
    status, reason = int(answer.get("code") or 500), str(answer.get("reason") or "")
    text = str(answer.get("message") or "no message")
    details: Mapping[str, Any] = answer.get("details") or {}
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(status, ApiError)
    if status == 504 and "Too large resource version" in text:
        kind = FutureVersion
    elif status == 500 and "request is too large" in text:
        kind = TooLarge
    if retry_after is None:
        retry_after = details.get("retryAfterSeconds")
    message = f"{request}: {status}{reason and ' ' + reason}: {text[:_MAX_MESSAGE]}"
    return kind(status, reason, message, details, retry_after)
