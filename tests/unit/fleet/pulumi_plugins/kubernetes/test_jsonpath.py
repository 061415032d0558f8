"""The supported part of JSONPath."""

from typing import Any

import pytest

from fleet.pulumi_plugins.kubernetes.jsonpath import parse

VALUE = {
    "a": {"b.c": [10, 20, 30]},
    "list": [{"type": "x", "on": True}, {"type": "y", "deep": {"er": 1}}],
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [VALUE]),
        ("$.a['b.c'][0]", [10]),
        ('.a["b.c"][-1]', [30]),
        (".a['b.c'][7]", []),
        (".a.*", [[10, 20, 30]]),
        (".a['b.c'][*]", [10, 20, 30]),
        (".list[?(@.type=='y')].deep.er", [1]),
        ('.list[?@.type != "y"].on', [True]),
        (".list[?(@.on==true)].type", ["x"]),
        (".list[?@.deep.er].type", ["y"]),
        (".nothing.there", []),
    ],
)
def test_a_path_selects(text: str, found: list[Any]) -> None:
    assert parse(text).select(VALUE) == found


@pytest.mark.parametrize("text", ["status", "..deep", ".a[", ".list[?(@.a<1)]", ".a.['b']"])
def test_what_is_not_supported_is_refused_with_the_part_that_is(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        parse(text)
