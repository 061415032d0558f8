"""Payload authoring: items as plain data, from Python, from a directory, or from what an MCP server lists."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from api.item import ContextType, Item, without_nulls
from components.declaration_args import ItemArgs
from core.site import directory
from core.values import placeholders


def tool(name: str, description: str, input_schema: dict[str, Any], handler: dict[str, Any] | None = None) -> ItemArgs:
    """A tool; `input_schema` is a JSON Schema whose root type is object."""
    definition = {"name": name, "description": description, "inputSchema": input_schema}
    item: ItemArgs = {"name": name, "definition": definition}
    if handler is not None:
        item["handler"] = handler
    return item


def prompt(name: str, text: str, description: str = "") -> ItemArgs:
    """A prompt of one user message; every `{{argument}}` in `text` becomes a required argument."""
    arguments = [{"name": argument, "required": True} for argument in placeholders.find(text)]
    definition: dict[str, Any] = {"name": name}
    if description:
        definition["description"] = description
    if arguments:
        definition["arguments"] = arguments
    return {"name": name, "definition": definition, "messages": [user_message(text)]}


def user_message(text: str) -> dict[str, Any]:
    """A PromptMessage of the user."""
    return {"role": "user", "content": {"type": "text", "text": text}}


def static_text(text: str) -> dict[str, Any]:
    """Handler of a tool that always answers `text`."""
    return {"static": {"content": [{"type": "text", "text": text}]}}


def static_json(value: dict[str, Any]) -> dict[str, Any]:
    """Handler of a tool that always answers `value`, for a tool with an `outputSchema`."""
    text = json.dumps(value, ensure_ascii=False)
    return {"static": {"content": [{"type": "text", "text": text}], "structuredContent": value}}


def from_directory(path: Path, context_type: ContextType) -> list[ItemArgs]:
    """The items of a context directory: `path` holds the folder tools, prompts or resources.

    Raises:
        ValueError: there is no such folder, or a file is no item; names every such file.
    """
    root = path / context_type
    if not root.is_dir():
        raise ValueError(f"{path} has no folder {context_type.value}")
    files = {
        file.relative_to(path).as_posix(): directory.File(file.read_bytes(), bool(file.stat().st_mode & 0o100))
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }
    parsed = directory.parse(context_type, files)
    if parsed.problems:
        problems = "\n".join(f"  {path / problem.path}: {problem.message}" for problem in parsed.problems)
        raise ValueError(f"not a {context_type} context:\n{problems}")
    return [_args(Item.of(name, content)) for name, content in sorted(parsed.items.items())]


def _args(item: Item) -> ItemArgs:
    return cast("ItemArgs", item.model_dump(mode="json", exclude_none=True, exclude_unset=True))


def from_mcp_dump(dump: Path | Mapping[str, Any], context_type: ContextType) -> list[ItemArgs]:
    """The definitions that MCP servers list, as items of one payload.

    Nulls are dropped. An item's name is the definition's, made fit for a path; where several
    servers share one, each gets its server's name and a dot in front. (Prefixing all would rename what clients know.)

    Args:
        dump: {server name: {"tools": [...], "resources": [...], "resourceTemplates": [...], "prompts": [...]}}, or a
            JSON file of that.
        context_type: which of the lists; `resources` includes the templates.

    Raises:
        ValueError: two definitions of one server have the same name.
    """
    servers: Mapping[str, Any] = json.loads(dump.read_text(encoding="utf-8")) if isinstance(dump, Path) else dump
    lists = ("resources", "resourceTemplates") if context_type is ContextType.RESOURCES else (context_type.value,)
    found: list[tuple[str, str, dict[str, Any]]] = [
        (server, item_name(str(definition["name"])), without_nulls(definition))
        for server, listed in servers.items()
        for key in lists
        for definition in cast("list[dict[str, Any]]", listed.get(key) or [])
    ]
    shared = _repeated(name for _, name, _ in found)
    items = [
        _listed(context_type, f"{server}.{name}" if name in shared else name, body) for server, name, body in found
    ]
    if twice := _repeated(item["name"] for item in items):
        raise ValueError(f"{context_type} listed twice by one server: {', '.join(sorted(twice))}")
    return items


def _listed(context_type: ContextType, name: str, definition: dict[str, Any]) -> ItemArgs:
    """Tools and prompts are called by their items' names; an MCP resource is read by its URI."""
    own = {} if context_type is ContextType.RESOURCES else {"name": name}
    return {"name": name, "definition": {**definition, **own}}


def _repeated(names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    return {name for name in names if name in seen or seen.add(name)}


def item_name(name: str) -> str:
    """A definition's name as an item's: every run of other characters than letters, digits, `._-/` becomes a dash."""
    parts = (re.sub(r"[^A-Za-z0-9._-]+", "-", part).strip("-.")[:128] for part in name.split("/"))
    return "/".join(part for part in parts if part)
