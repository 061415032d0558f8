"""The catalog is the union of contexts."""

from api.item import ItemContent
from api.names import META_DIGEST, META_VERSION
from controllers.server.catalog import Catalog
from core.values.canonical import content_digest, payload_digest
from tests.unit.controllers.server.contexts import PROMPTS, RESOURCES, TOOLS, context, note, tool


def test_one_context_has_the_digest_of_its_payload_and_its_version() -> None:
    catalog = Catalog.of([context("c", TOOLS, 3, a=tool()), context("p", PROMPTS)])
    digest = payload_digest({"a": content_digest(ItemContent.model_validate(tool()))})
    assert catalog.meta[TOOLS] == {META_DIGEST: digest, META_VERSION: {"c": 3}}
    assert catalog.meta[PROMPTS][META_VERSION] == {"p": 1}


def test_lists_are_sorted_and_their_digest_does_not_depend_on_the_order_of_contexts() -> None:
    first, second = context("a", TOOLS, z=tool(), b=tool()), context("b", TOOLS, y=tool(), a=tool())
    catalog = Catalog.of([second, first])
    assert list(catalog.tools) == ["a", "b", "y", "z"]
    assert catalog.meta == Catalog.of([first, second]).meta


def test_the_first_context_by_name_wins_and_the_other_is_reported() -> None:
    catalog = Catalog.of([context("b", RESOURCES, x=note("u:1", "b")), context("a", RESOURCES, y=note("u:1", "a"))])
    assert catalog.resources["u:1"].contents["text"] == "a"
    assert catalog.hidden == ["b/x: hidden by a/y, which has the same name or URI"]
