"""An MCP resource has one content, as it says."""

import base64

from tests.unit.policies.context_payload.contexts import broken, resource


def test_a_resource_has_exactly_one_content() -> None:
    without = {"name": "r", "definition": {"uri": "resource:///r"}}
    assert broken("resources", without)["r22-content"] == [
        ("r", "has no content; exactly one of text and data is needed")
    ]
    both = resource(data="aGVsbG8=")
    assert broken("resources", both)["r22-content"] == [
        ("r", "has text and data; exactly one of text and data is needed")
    ]


def test_a_template_may_be_without_content() -> None:
    assert broken("resources", {"name": "r", "definition": {"uriTemplate": "demo:///{id}", "name": "r"}}) == {}


def test_content_that_is_not_base64_is_stopped() -> None:
    item = {"name": "r", "definition": {"uri": "resource:///r"}, "data": "not base64"}
    assert "data is not base64" in broken("resources", item)["r22-content"][0][1]


def test_a_stated_size_is_that_of_the_raw_content() -> None:
    data = base64.b64encode(b"12345").decode()
    right = {"name": "r", "definition": {"uri": "resource:///r", "size": 5.0}, "data": data}
    assert broken("resources", right) == {}
    wrong = {"name": "r", "definition": {"uri": "resource:///r", "size": 8.0}, "data": data}
    assert broken("resources", wrong)["r22-content"] == [("r", "definition.size is 8, the content has 5 bytes")]
