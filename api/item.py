"""Items: one tool, MCP resource or prompt of a payload."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from api.model import Model

MAX_SAFE_INTEGER = 2**53 - 1
"""Greatest integer that every JSON implementation on the way keeps (Pulumi and Lua hold numbers as float64)."""

ItemName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,127})*$",
    ),
]
"""Name of an item, unique in its payload; also its path in the context directory, hence no leading dot and no `..`."""

FREE_FORM: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
FREE_FORM_LIST: dict[str, Any] = {"type": "array", "items": FREE_FORM, "maxItems": 256}


class ContextType(StrEnum):
    """Which of the MCP server primitives a context holds."""

    TOOLS = "tools"
    RESOURCES = "resources"
    PROMPTS = "prompts"


class ItemContent(Model):
    """What an item is, apart from its name. Nulls in free-form parts are dropped: they would not survive the way."""

    cel: ClassVar[list[tuple[str, str]]] = [
        ("!(has(self.text) && has(self.data))", "text and data are both set: an item has at most one content")
    ]

    definition: dict[str, Any] = Field(default_factory=dict, json_schema_extra=FREE_FORM)
    """The raw MCP object (Tool, Resource, ResourceTemplate or Prompt); unknown fields are kept."""
    text: str | None = Field(default=None, max_length=262144)
    """Content as UTF-8 text: of an MCP resource, of a resource template, or a tool's Python module."""
    data: str | None = Field(default=None, max_length=349528, pattern=r"^[A-Za-z0-9+/]*={0,2}$")
    """Content as base64, for bytes that are not UTF-8 text."""
    handler: dict[str, Any] | None = Field(default=None, json_schema_extra=FREE_FORM)
    """How a tool answers: exactly one of `static` (a CallToolResult), `python` {entrypoint}, `http` {url, method}."""
    messages: list[dict[str, Any]] | None = Field(default=None, json_schema_extra=FREE_FORM_LIST)
    """Messages of a prompt: PromptMessages with `{{argument}}` placeholders."""
    media_type: str | None = Field(default=None, max_length=255)
    """Media type of the content where the definition does not say it."""
    mode: str | None = Field(default=None, pattern=r"^0[0-7]{3}$")
    """Permission bits of the content's file, e.g. `0755`; no setuid, setgid or sticky bit."""

    @field_validator("definition", "handler", "messages", mode="after")
    @classmethod
    def _canonical(cls, value: Any) -> Any:
        return without_nulls(value)

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if self.text is not None and self.data is not None:
            raise ValueError("text and data are both set: an item has at most one content")
        return self


class Item(ItemContent):
    """A named item of a payload."""

    name: ItemName
    """Name, unique in the payload; also the path of the item in the context directory."""

    @property
    def content(self) -> ItemContent:
        """The item without its name."""
        return ItemContent.model_construct(
            self.model_fields_set - {"name"},
            **{field: getattr(self, field) for field in ItemContent.model_fields},
        )

    @classmethod
    def of(cls, name: str, content: ItemContent) -> Self:
        """The named form of a content."""
        return cls.model_validate({"name": name, **content.wire()})


class ContextPayload(Model):
    """The items of a context. Every member gets a copy in plain text: it is no place for secrets."""

    items: list[Item] = Field(
        default_factory=list[Item],
        max_length=1000,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


def without_nulls(value: Any) -> Any:
    """The value without members that are null, at every depth.

    Raises:
        ValueError: an integer beyond 2^53-1, which would silently change on its way.
    """
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [without_nulls(member) for member in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        raise ValueError(f"{value} is beyond 2^53-1 and would not survive JSON; write it as text")
    return value
