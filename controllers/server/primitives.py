"""Items, ready to be served: checked for both protocol eras, so that none can fail a list for everybody."""

from dataclasses import dataclass
from typing import Any

from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate

from api.item import ContextType, ItemContent
from controllers.server import wire
from controllers.server.arguments import ArgumentCheck, argument_check
from controllers.server.tool_handlers import Handler, handler_of
from core.values.canonical import content_digest
from core.values.item_rules import check


@dataclass(frozen=True)
class Tool:
    """A tool and how it answers."""

    digest: str
    definition: dict[str, Any]
    refusal: ArgumentCheck
    handler: Handler

    @property
    def key(self) -> str:
        """What clients call it by."""
        return str(self.definition["name"])


@dataclass(frozen=True)
class Prompt:
    """A prompt and its messages."""

    digest: str
    definition: dict[str, Any]
    messages: list[dict[str, Any]]

    @property
    def key(self) -> str:
        """What clients get it by."""
        return str(self.definition["name"])

    @property
    def arguments(self) -> dict[str, bool]:
        """Names of its arguments, and whether each is required."""
        declared: list[dict[str, Any]] = self.definition.get("arguments", [])
        return {str(argument["name"]): bool(argument.get("required")) for argument in declared}


@dataclass(frozen=True)
class Resource:
    """An MCP resource and its content."""

    digest: str
    definition: dict[str, Any]
    contents: dict[str, Any]
    """`text` or `blob`, and `mimeType`."""

    @property
    def key(self) -> str:
        """What clients read it by."""
        return str(self.definition["uri"])


@dataclass(frozen=True)
class Template:
    """An MCP resource template and what it makes."""

    digest: str
    definition: dict[str, Any]
    contents: dict[str, Any] | None
    """`text` or `blob`, and `mimeType`; None if the template stands for resources that nobody here has."""
    uri: UriTemplate

    @property
    def key(self) -> str:
        """What identifies it."""
        return str(self.definition["uriTemplate"])


Primitive = Tool | Prompt | Resource | Template


def primitive_of(context_type: ContextType, name: str, content: ItemContent, *, allow_python: bool) -> Primitive:
    """An item, ready to be served.

    Raises:
        ValueError: it cannot be served; says why, without quoting it.
    """
    if wrong := check(context_type, name, content):
        raise ValueError("; ".join(wrong))
    definition = {**content.definition}
    definition.setdefault("name", name)
    digest = content_digest(content)
    match context_type:
        case ContextType.TOOLS:
            _fits("tools/list", {"tools": [definition]})
            refusal = argument_check(definition["inputSchema"])
            return Tool(digest, definition, refusal, handler_of(name, content, allow_python=allow_python))
        case ContextType.PROMPTS:
            messages = content.messages or []
            _fits("prompts/list", {"prompts": [definition]})
            _fits("prompts/get", {"messages": messages})
            return Prompt(digest, definition, messages)
        case ContextType.RESOURCES:
            return _resource(digest, definition, _contents(definition, content))


def _resource(digest: str, definition: dict[str, Any], contents: dict[str, Any] | None) -> Resource | Template:
    if contents is not None:
        _fits("resources/read", {"contents": [{"uri": "", **contents}]})
    if "uriTemplate" in definition:
        _fits("resources/templates/list", {"resourceTemplates": [definition]})
        try:
            return Template(digest, definition, contents, UriTemplate.parse(definition["uriTemplate"]))
        except InvalidUriTemplate as error:
            raise ValueError("definition.uriTemplate: not a URI template of RFC 6570") from error
    _fits("resources/list", {"resources": [definition]})
    return Resource(digest, definition, contents or {})


def _contents(definition: dict[str, Any], content: ItemContent) -> dict[str, Any] | None:
    media_type = definition.get("mimeType") or content.media_type
    said = {"mimeType": media_type} if media_type else {}
    if content.text is not None:
        return {**said, "text": content.text}
    return None if content.data is None else {**said, "blob": content.data}


def _fits(method: str, result: dict[str, Any]) -> None:
    if wrong := wire.check(method, result):
        raise ValueError("; ".join(wrong))
