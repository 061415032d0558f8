"""Structural rules of items: one item that breaks them makes a whole MCP list fail for every client.

They hold for both protocol eras. Whether an item is wise or safe is not judged here.
"""

import base64
import binascii
import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from api.item import ContextType, ItemContent

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.DOTALL)


def check(context_type: ContextType, name: str, content: ItemContent) -> list[str]:
    """What is wrong with an item, one sentence each; empty if it can be served."""
    match context_type:
        case ContextType.TOOLS:
            return _tool(name, content)
        case ContextType.PROMPTS:
            return _prompt(name, content)
        case ContextType.RESOURCES:
            return _resource(content)


def _tool(name: str, content: ItemContent) -> list[str]:
    wrong = [*_named(name, content), *_fits(_Tool, content.definition, "definition")]
    if content.data is not None:
        wrong.append("data: a tool's module is text")
    return wrong


def _prompt(name: str, content: ItemContent) -> list[str]:
    wrong = [*_named(name, content), *_fits(_Prompt, content.definition, "definition")]
    for index, message in enumerate(content.messages or []):
        wrong += _fits(_Message, message, f"messages.{index}")
    if content.text is not None or content.data is not None:
        wrong.append("text, data: a prompt has messages instead")
    return wrong


def _resource(content: ItemContent) -> list[str]:
    definition = content.definition
    if ("uri" in definition) == ("uriTemplate" in definition):
        return ["definition: exactly one of uri and uriTemplate must be set"]
    template = "uriTemplate" in definition
    wrong = _fits(_Template if template else _Resource, definition, "definition")
    if content.text is None and content.data is None and not template:
        wrong.append("text, data: a resource has content")
    if content.data is not None and not _is_base64(content.data):
        wrong.append("data: not base64")
    return wrong


def _named(name: str, content: ItemContent) -> list[str]:
    given: object = content.definition.get("name", name)
    return [] if given == name else ["definition.name: must be the item's name, or absent"]


def _fits(shape: "type[_Shape]", value: object, place: str) -> list[str]:
    try:
        shape.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return [f"{'.'.join([place, *map(str, each['loc'])])}: {each['msg']}" for each in found]
    return []


def _is_base64(data: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(data, validate=True)).decode() == data
    except binascii.Error:
        return False


def _with_scheme(uri: str) -> str:
    if not _SCHEME.fullmatch(uri):
        raise ValueError("must start with a scheme, e.g. resource:///name")
    return uri


class _Shape(BaseModel):
    """The rules of known fields; others are kept and not judged."""

    model_config = ConfigDict(strict=True, extra="allow", alias_generator=to_camel)


class _Icon(_Shape):
    src: str
    mime_type: str = ""
    sizes: list[str] = []
    theme: Literal["light", "dark"] = "light"


class _Described(_Shape):
    name: str = ""
    title: str = ""
    description: str = ""
    icons: list[_Icon] = []
    meta: dict[str, Any] = Field(default_factory=dict, alias="_meta")


class _Schema(_Shape):
    dialect: str = Field(default="", alias="$schema")
    type: Literal["object"]
    properties: dict[str, dict[str, Any] | bool] = {}
    required: list[str] = []


class _Hints(_Shape):
    title: str = ""
    read_only_hint: bool = False
    destructive_hint: bool = True
    idempotent_hint: bool = False
    open_world_hint: bool = True


class _Execution(_Shape):
    task_support: Literal["forbidden", "optional", "required"] = "forbidden"


class _Tool(_Described):
    input_schema: _Schema
    output_schema: _Schema | None = None
    annotations: _Hints = Field(default_factory=_Hints)
    execution: _Execution = Field(default_factory=_Execution)


class _Argument(_Shape):
    name: str
    title: str = ""
    description: str = ""
    required: bool = False


class _Prompt(_Described):
    arguments: list[_Argument] = []


class _Annotations(_Shape):
    audience: list[Literal["user", "assistant"]] = []
    priority: float = Field(default=0, ge=0, le=1)
    last_modified: str = ""


class _Addressed(_Described):
    mime_type: str = ""
    annotations: _Annotations = Field(default_factory=_Annotations)


class _Resource(_Addressed):
    uri: Annotated[str, AfterValidator(_with_scheme)]
    size: int | None = None


class _Template(_Addressed):
    uri_template: Annotated[str, AfterValidator(_with_scheme)]


class _Block(_Shape):
    annotations: _Annotations = Field(default_factory=_Annotations)
    meta: dict[str, Any] = Field(default_factory=dict, alias="_meta")


class _Text(_Block):
    type: Literal["text"]
    text: str


class _Media(_Block):
    type: Literal["image", "audio"]
    data: str
    mime_type: str


class _Link(_Block):
    type: Literal["resource_link"]
    uri: str
    name: str
    title: str = ""
    description: str = ""
    mime_type: str = ""
    size: int | None = None


class _TextContents(_Shape):
    uri: str
    text: str
    mime_type: str = ""


class _BlobContents(_Shape):
    uri: str
    blob: str
    mime_type: str = ""


class _Embedded(_Block):
    type: Literal["resource"]
    resource: _TextContents | _BlobContents


class _Message(_Shape):
    role: Literal["user", "assistant"]
    content: Annotated[_Text | _Media | _Link | _Embedded, Field(discriminator="type")]
