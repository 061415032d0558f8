"""From pydantic's JSON Schema to the structural schema of a CRD, by small named steps.

The models keep to what a structural schema can say: no unions but `X | None`, no tuples, no recursion. Anything else is
refused here with its path, not by an API server later.
"""

import typing
from typing import Any

from api.model import Model

Schema = dict[str, Any]

_DROPPED = {"title", "$defs", "additionalProperties", "propertyNames"}


def structural(model: type[Model]) -> Schema:
    """The structural OpenAPI v3 schema of a model, CEL rules of nested models included.

    Raises:
        ValueError: the model uses something that a structural schema cannot express.
    """
    source = model.model_json_schema(by_alias=True, mode="validation")
    rules = _cel_rules(model)
    return _rewrite(source, source.get("$defs", {}), rules, model.__name__, ())


def _cel_rules(model: type[Model]) -> dict[str, list[tuple[str, str]]]:
    """The CEL rules of the model and of all models within it, by class name."""
    found: dict[str, list[tuple[str, str]]] = {}
    pending: list[object] = [model]
    while pending:
        kind = pending.pop()
        if not (isinstance(kind, type) and issubclass(kind, Model)):
            pending += typing.get_args(kind)
        elif kind.__name__ not in found:
            found[kind.__name__] = kind.cel
            pending += [field.annotation for field in kind.model_fields.values()]
    return found


def _rewrite(
    schema: Schema, defs: dict[str, Schema], rules: dict[str, list[tuple[str, str]]], name: str, path: tuple[str, ...]
) -> Schema:
    schema, name = _resolve(_without_null(schema, path), defs, name)
    if path.count(name) > 1:
        raise ValueError(f"{'.'.join(path)}: {name} is recursive, which a structural schema cannot be")
    for keyword in ("oneOf", "allOf", "not", "prefixItems", "anyOf"):
        if keyword in schema:
            raise ValueError(f"{'.'.join(path)}: {keyword} has no structural form")
    result = {key: value for key, value in schema.items() if key not in _DROPPED and not key.startswith("$")}
    if result.get("default") is None or result.get("default") in ({}, []):
        result.pop("default", None)
    if "properties" in schema:
        result["properties"] = {
            key: _rewrite(member, defs, rules, "", (*path, name, key)) for key, member in schema["properties"].items()
        }
    values: Schema | bool | None = schema.get("additionalProperties")
    if isinstance(values, dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = _rewrite(values, defs, rules, "", (*path, "*"))
    if isinstance(schema.get("items"), dict):
        result["items"] = _rewrite(schema["items"], defs, rules, "", (*path, "[]"))
    if rules.get(name):
        result["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in rules[name]]
    return result


def _without_null(schema: Schema, path: tuple[str, ...]) -> Schema:
    """`X | None` becomes X: an optional field is absent, never null."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if not options:
        return schema
    if len(options) > 1:
        raise ValueError(f"{'.'.join(path)}: a union has no structural form")
    return {**options[0], **{key: value for key, value in schema.items() if key != "anyOf"}}


def _resolve(schema: Schema, defs: dict[str, Schema], name: str) -> tuple[Schema, str]:
    """Replaces a reference by what it names; keywords beside it win."""
    if "$ref" not in schema:
        return schema, name
    target = schema["$ref"].rpartition("/")[2]
    return {**defs[target], **{key: value for key, value in schema.items() if key != "$ref"}}, target
