"""Contexts that the tests judge."""

from typing import Any

from policies.context_payload.declared import read_context
from policies.context_payload.rules import RULES


def broken(context_type: str, *items: Any, **spec: Any) -> dict[str, list[tuple[str | None, str]]]:
    """Item and message of every violation, by rule."""
    props = {
        "metadata": {"name": "c"},
        "spec": {"contextType": context_type, "contextPayload": {"items": list(items)}, **spec},
    }
    context = read_context(props)
    found = {name: [(each.item, each.message) for each in rule.check(context)] for name, rule in RULES.items()}
    return {name: violations for name, violations in found.items() if violations}


def tool(name: str = "t", **definition: Any) -> dict[str, Any]:
    return {"name": name, "definition": {"name": name, "inputSchema": {"type": "object"}, **definition}}


def resource(uri: str = "resource:///r", **fields: Any) -> dict[str, Any]:
    return {"name": "r", "definition": {"uri": uri, "name": "r"}, "text": "hello", **fields}
