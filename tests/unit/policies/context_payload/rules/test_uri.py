"""Where URIs may lead."""

import pytest

from tests.unit.policies.context_payload.contexts import broken, resource


@pytest.mark.parametrize(
    "uri",
    [
        "no-scheme",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///a/../../etc/passwd",
        "file:///a/%2e%2e/b",
        "file:///a/%252e%252e/b",
        "file:///a/..",
        "file:..",
    ],
)
def test_a_uri_without_scheme_or_with_script_or_traversal_is_stopped(uri: str) -> None:
    assert "r21-uri" in broken("resources", resource(uri))


@pytest.mark.parametrize("uri", ["resource:///a/b..c", "demo://x/..hidden/y", "https://example.test/a?b=c#d"])
def test_an_ordinary_uri_passes(uri: str) -> None:
    assert broken("resources", resource(uri)) == {}
