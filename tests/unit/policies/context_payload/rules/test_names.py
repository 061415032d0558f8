"""What items may be called."""

import pytest

from tests.unit.policies.context_payload.contexts import broken, resource, tool


@pytest.mark.parametrize("name", ["has space", "a/b", "x" * 129, "", "naïve", "a\n"])
def test_a_tool_name_that_clients_refuse_is_stopped(name: str) -> None:
    assert "r01-tool-name" in broken("tools", tool(name))


def test_a_name_given_twice_is_stopped() -> None:
    assert broken("tools", tool("a"), tool("a"))["unique-names"] == [
        ("a", "declared 2 times; names are unique in a payload")
    ]


def test_two_resources_at_one_uri_are_stopped() -> None:
    (violation,) = broken("resources", resource(), {**resource(), "name": "other"})["unique-names"]
    assert "'resource:///r' is offered by 'other' and 'r'" in violation[1]
