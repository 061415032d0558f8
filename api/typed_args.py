"""From models to the TypedDicts that the components take: the text of a Python module.

Editors complete TypedDicts as people write them. Pulumi, which offers the components to programs in other languages,
reads TypedDicts, Enums and the docstrings of fields, but neither Literals nor unions: it gets the Enum, or `str`.
"""

import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from api.declaration import ContextDeclaration, ServerDeclaration
from api.model import Model

DECLARED: tuple[type[Model], ...] = (ContextDeclaration, ServerDeclaration)
WIDTH = 120

_HEAD = '''"""What contexts and MCP servers are declared with. Generated from api/ by `make generate`; do not edit."""

from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypeAlias, TypedDict

'''


def module(models: tuple[type[Model], ...] = DECLARED) -> str:
    """The module: a TypedDict for each model and for each model within it.

    Raises:
        ValueError: a field has no docstring.
    """
    whole = list(dict.fromkeys(part for model in models for part in _with_parts(model)))
    leaves = [(model, name, leaf) for model in whole for name, leaf in _leaves_of(model)]
    enums = {leaf.__name__: leaf for _, _, leaf in leaves if _is(leaf, Enum)}
    choices = {_enum(enum): (f"{name} | {_literal(enum)}", name) for name, enum in sorted(enums.items())}
    choices |= {
        _choice(model, name): (_text(leaf, ""), "str") for model, name, leaf in leaves if get_origin(leaf) is Literal
    }
    return _HEAD + _imports(enums) + _aliases(choices) + "".join(map(_typed_dict, whole))


def _imports(enums: Mapping[str, type[Enum]]) -> str:
    modules = sorted({enum.__module__ for enum in enums.values()})
    named = {module: sorted(name for name, enum in enums.items() if enum.__module__ == module) for module in modules}
    return "".join(f"from {module} import {', '.join(names)}\n" for module, names in named.items())


def _with_parts(model: type[Model]) -> Iterator[type[Model]]:
    """The models within a model, then itself: a TypedDict stands after those that it names."""
    for _, leaf in _leaves_of(model):
        if _is(leaf, Model):
            yield from _with_parts(leaf)
    yield model


def _leaves_of(model: type[Model]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield from ((name, leaf) for leaf in _leaves(field.annotation))


def _leaves(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of."""
    if get_origin(annotation) in (None, Literal):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _leaves(part)


def _is(leaf: Any, base: type) -> bool:
    return isinstance(leaf, type) and issubclass(leaf, base)


def _choice(model: type[Model], field: str) -> str:
    return f"{model.__name__}{field.title()}"


def _enum(enum: type[Enum]) -> str:
    return f"{enum.__name__}Arg"


def _literal(enum: type[Enum]) -> str:
    return f"Literal[{', '.join(_quoted(member.value) for member in enum)}]"


def _quoted(value: str) -> str:
    return f'"{value}"'


def _aliases(choices: dict[str, tuple[str, str]]) -> str:
    """The names of what is chosen from a few values: every spelling for editors, what Pulumi reads for run time."""
    editing = [_alias(name, shown) for name, (shown, _) in choices.items()]
    running = [f"    {name} = {read}\n" for name, (_, read) in choices.items()]
    return "\nif TYPE_CHECKING:\n" + "".join(editing) + "else:\n" + "".join(running)


def _alias(name: str, shown: str) -> str:
    line = f"    {name}: TypeAlias = {shown}\n"
    return line if len(line) <= WIDTH else f"    {name}: TypeAlias = (\n        {shown}\n    )\n"


def _typed_dict(model: type[Model]) -> str:
    fields = sorted(model.model_fields.items(), key=lambda item: not item[1].is_required())
    lines = [f'\n\nclass {model.__name__}Args(TypedDict):\n    """{model.__doc__}"""\n\n']
    for name, field in fields:
        text = _text(field.annotation, _choice(model, name))
        lines.append(f"    {name}: {text if field.is_required() else f'NotRequired[{text}]'}\n")
        lines.append(_docstring(f"{model.__name__}.{name}", field))
    return "".join(lines)


def _docstring(where: str, field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"{where} has no docstring: users read it in their editors; write one in api/")
    default = f" Default: {field.default}." if field.default and isinstance(field.default, int | str) else ""
    return textwrap.indent(textwrap.fill(f'"""{field.description}{default}"""', WIDTH - 4), "    ") + "\n"


def _text(annotation: Any, choice: str) -> str:
    """How an annotation is written; `choice` names its Literal, if it has one."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    match get_origin(annotation):
        case None if _is(annotation, Model):
            return f"{annotation.__name__}Args"
        case None if _is(annotation, Enum):
            return _enum(annotation)
        case None:
            return annotation.__name__
        case origin if origin is Literal:
            return choice or f"Literal[{', '.join(map(_quoted, parts))}]"
        case origin if origin in (Annotated, Union, UnionType):
            return _text(parts[0], choice)
        case origin:
            return f"{origin.__name__}[{', '.join(_text(part, choice) for part in parts)}]"
