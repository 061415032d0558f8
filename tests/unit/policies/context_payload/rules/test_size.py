"""How much a payload may hold."""

from api.names import INLINE_LIMIT_BYTES
from tests.unit.policies.context_payload.contexts import broken


def test_a_payload_over_the_limit_is_stopped_and_its_largest_item_named() -> None:
    half = "x" * (INLINE_LIMIT_BYTES // 2)
    small = {"name": "small", "definition": {"uri": "resource:///small"}, "text": half}
    large = {"name": "large", "definition": {"uri": "resource:///large"}, "text": half + "x"}
    (violation,) = broken("resources", small, large)["r23-size"]
    assert violation[0] == "large"
    assert str(INLINE_LIMIT_BYTES) in violation[1]
