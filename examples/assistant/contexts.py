"""Contexts of the reference server: 52 tools, five prompts and nine MCP resources, from what real servers list."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from api.item import ContextType
from components.declaration_args import ContextDeclarationArgs, ItemArgs, ServerDeclarationArgs
from components.payload import from_mcp_dump, static_json, static_text, user_message

HERE: Final = Path(__file__).parent
DUMP: Final = HERE.parent / "reference_servers.json"
NAME: Final = "assistant"

SERVERS: Final[list[ServerDeclarationArgs]] = [{"name": NAME, "namespace": NAME}]

ANSWERS: Final[Mapping[str, dict[str, Any]]] = {
    "echo": static_text("Echo from the federation."),
    "get-sum": static_text("The sum of 2 and 3 is 5."),
    "git_status": static_text("On branch main\nnothing to commit, working tree clean"),
    "get-structured-content": static_json({"temperature": 22.5, "conditions": "Sunny", "humidity": 40}),
    "list_allowed_directories": static_json({"content": "Allowed directories:\n/context"}),
    "read_graph": static_json({"entities": [], "relations": []}),
}
"""Handlers of the tools that answer; the others are listed only."""

MESSAGES: Final[Mapping[str, list[dict[str, Any]]]] = {
    "simple-prompt": [user_message("Introduce yourself in two sentences, and say which tools you offer.")],
    "args-prompt": [user_message("What is the weather like in {{city}} {{state}}?")],
    "completable-prompt": [
        user_message("{{name}} now leads the department {{department}}. Write a short announcement to the team.")
    ],
    "resource-prompt": [
        user_message("Read the {{resourceType}} resource with the identifier {{resourceId}} and summarise it.")
    ],
    "fetch": [user_message("Fetch {{url}} and give me its contents as markdown.")],
}


def contexts() -> list[ContextDeclarationArgs]:
    """The three contexts, in every member."""
    return [
        _context(ContextType.TOOLS, [_with_handler(item) for item in from_mcp_dump(DUMP, ContextType.TOOLS)]),
        _context(ContextType.PROMPTS, [_with_messages(item) for item in from_mcp_dump(DUMP, ContextType.PROMPTS)]),
        _context(ContextType.RESOURCES, _documents()),
    ]


def _context(context_type: ContextType, items: list[ItemArgs]) -> ContextDeclarationArgs:
    return {
        "name": f"{NAME}-{context_type}",
        "namespace": NAME,
        "mcp_server_name": NAME,
        "context_type": context_type,
        "items": items,
    }


def _with_handler(item: ItemArgs) -> ItemArgs:
    return {**item, "handler": ANSWERS[item["name"]]} if item["name"] in ANSWERS else item


def _with_messages(item: ItemArgs) -> ItemArgs:
    return {**item, "messages": MESSAGES[item["name"]]}


def _documents() -> list[ItemArgs]:
    """The MCP resources and templates that have a text in documents/."""
    texts = {file.name: file.read_text(encoding="utf-8") for file in sorted((HERE / "documents").iterdir())}
    listed = from_mcp_dump(DUMP, ContextType.RESOURCES)
    return [{**item, "text": texts[item["name"]]} for item in listed if item["name"] in texts]
