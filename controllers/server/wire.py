"""Whether results fit the protocol, in both eras: what does not would fail a whole request for every client."""

from typing import Any, Final

from mcp_types import methods
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION
from pydantic import ValidationError

_ENVELOPE: Final = {"resultType": "complete", "ttlMs": 0, "cacheScope": "public"}


def check(method: str, result: dict[str, Any]) -> list[str]:
    """Where a method's result does not fit, one sentence each, without quoting it; empty if it fits."""
    wrong: list[str] = []
    for version in (LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION):
        try:
            methods.validate_server_result(method, version, {**_ENVELOPE, **result})
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            wrong += [f"{'.'.join(map(str, each['loc']))}: {each['msg']} ({version})" for each in found[:3]]
    return wrong
