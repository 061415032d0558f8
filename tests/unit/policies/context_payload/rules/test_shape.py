"""Shapes that break a whole list."""

from typing import Any

import pytest

from tests.unit.policies.context_payload.contexts import broken


@pytest.mark.parametrize(
    "schema",
    [{}, {"type": "string"}, [], None, {"type": "object", "properties": []}],
    ids=["empty", "string", "array", "absent", "properties"],
)
def test_an_input_schema_that_breaks_the_whole_list_is_stopped(schema: Any) -> None:
    definition = {"name": "t"} if schema is None else {"name": "t", "inputSchema": schema}
    (violation, *_) = broken("tools", {"name": "t", "definition": definition})["r02-shape"]
    assert violation[0] == "t"
    assert "inputSchema" in violation[1]


def test_an_item_without_a_name_is_called_by_its_number() -> None:
    assert broken("prompts", {"name": "ok"}, {"definition": {}})["r02-shape"][0][0] == "number 2"
