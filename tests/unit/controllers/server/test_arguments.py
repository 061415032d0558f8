"""Arguments are checked against the tool's schema, whatever the schema is."""

from typing import Any

import pytest

from controllers.server.arguments import argument_check

INTEGER = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize("dialect", [{}, {"$schema": "http://json-schema.org/draft-07/schema#"}, {"$schema": "x:y"}])
def test_arguments_that_fit_are_accepted_and_others_refused_by_place(dialect: dict[str, str]) -> None:
    check = argument_check({**INTEGER, **dialect})
    assert check({"a": 1}) is None
    assert check({"a": "1"}) == "a: '1' is not of type 'integer'"
    assert check({}) == "'a' is a required property"


def test_a_schema_that_is_none_is_refused_without_being_quoted() -> None:
    with pytest.raises(ValueError, match=r"^definition\.inputSchema\.properties\.a\.type: not a valid anyOf$"):
        argument_check({"type": "object", "properties": {"a": {"type": "hunter2"}}})


@pytest.mark.parametrize(
    "rule", [{"$ref": "http://127.0.0.1:9/schema"}, {"$ref": "#/none"}, {"$ref": "#/properties/a"}, {"pattern": "("}]
)
def test_a_schema_that_cannot_be_applied_refuses_instead_of_fetching_or_failing(rule: dict[str, Any]) -> None:
    refused = argument_check({"type": "object", "properties": {"a": rule}})({"a": "b"})
    assert refused is not None
    assert "cannot be applied" in refused
