"""Paths of items: which item a file's path belongs to, and where an item's document and content go.

`tools/<name>.json` and `tools/<name>.py`; `prompts/<name>.json`; `resources/<name>` and `resources/<name>.mcp.json`.
Paths are POSIX and relative to the context's directory.
"""

from collections.abc import Iterable
from typing import Final

from pydantic import TypeAdapter, ValidationError

from api.item import ContextType, ItemName

SIDECAR: Final = ".mcp.json"
"""Ends the path of a resource's document."""
IGNORED_ENDINGS: Final = ("~", ".tmp", ".swp", ".swx")

_ITEM_NAME: Final[TypeAdapter[str]] = TypeAdapter(ItemName)


def item_of(context_type: ContextType, path: str) -> str | None:
    """Name of the item that a path belongs to; None if the file is ignored or cannot be an item's."""
    name, _ = place(context_type, path)
    return name


def place(context_type: ContextType, path: str) -> tuple[str | None, str]:
    """Name of the item; without one, why the file is foreign (empty if it is to be ignored)."""
    folder, _, rest = path.partition("/")
    parts = rest.split("/")
    if folder != context_type or not rest or any(part.startswith(".") for part in parts):
        return None, ""
    if parts[-1].startswith("#") or parts[-1].endswith(IGNORED_ENDINGS):
        return None, ""
    name = _stem(context_type, rest)
    if name is None:
        return None, f"not a file of an item: {_expected(context_type)}"
    try:
        return _ITEM_NAME.validate_python(name), ""
    except ValidationError:
        return None, "not the name of an item: use letters, digits, '.', '_' and '-', at most 128 between slashes"


def _stem(context_type: ContextType, path: str) -> str | None:
    match context_type:
        case ContextType.TOOLS:
            endings = (".json", ".py")
        case ContextType.PROMPTS:
            endings = (".json",)
        case ContextType.RESOURCES:
            return path.removesuffix(SIDECAR)
    return next((path.removesuffix(ending) for ending in endings if path.endswith(ending)), None)


def _expected(context_type: ContextType) -> str:
    return f"{context_type}/<name>.json" + (" or tools/<name>.py" if context_type is ContextType.TOOLS else "")


def document_path(context_type: ContextType, name: str) -> str:
    """Where an item's document goes."""
    return f"{context_type}/{name}{SIDECAR if context_type is ContextType.RESOURCES else '.json'}"


def content_path(context_type: ContextType, name: str) -> str | None:
    """Where the content goes; None if it stays in the document."""
    match context_type:
        case ContextType.TOOLS:
            return f"tools/{name}.py"
        case ContextType.PROMPTS:
            return None
        case ContextType.RESOURCES:
            path = f"resources/{name}"
            return path if item_of(context_type, path) == name else None


def clashes(context_type: ContextType, names: Iterable[str]) -> dict[str, str]:
    """Items that cannot be rendered beside another, as a path would be a file and a directory: {name: the other}."""
    owners = {
        path: name
        for name in names
        for path in (document_path(context_type, name), content_path(context_type, name))
        if path is not None
    }
    found: dict[str, str] = {}
    for path, name in owners.items():
        parts = path.split("/")
        for length in range(1, len(parts)):
            if (other := owners.get("/".join(parts[:length]))) is not None:
                found[name] = other
    return found
