"""The CRDs are structural and carry what the models say."""

from typing import Any, cast

import pytest

from api.crd import DEFINITIONS, manifest
from api.model import Model
from api.schema import structural


def walk(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, dict):
        parts = cast("dict[str, Any]", schema)
        return [parts, *(found for value in parts.values() for found in walk(value))]
    return [found for value in cast("list[Any]", schema) for found in walk(value)] if isinstance(schema, list) else []


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.plural)
def test_a_crd_has_no_keyword_that_a_structural_schema_lacks(definition: Any) -> None:
    schema = manifest(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in walk(schema):
        assert not {"$ref", "$defs", "anyOf", "oneOf", "const", "title", "nullable"} & {
            key for key in part if not isinstance(part.get("properties", {}).get(key), dict)
        } or "type" in part.get("title", {})


def test_rules_of_nested_models_reach_their_place() -> None:
    context = manifest(DEFINITIONS[0])["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert [rule["message"] for rule in context["x-kubernetes-validations"]] == [
        "set clusters or clusterSelector, not both",
        "contextType cannot change: delete the context and create another",
    ]
    item = context["properties"]["contextPayload"]["properties"]["items"]["items"]
    assert item["x-kubernetes-validations"]


def test_a_union_is_refused_with_its_path() -> None:
    class Bad(Model):
        value: int | str

    with pytest.raises(ValueError, match=r"Bad\.value: a union"):
        structural(Bad)


def test_recursion_is_refused() -> None:
    class Tree(Model):
        children: list["Tree"] | None = None

    with pytest.raises(ValueError, match="recursive"):
        structural(Tree)
