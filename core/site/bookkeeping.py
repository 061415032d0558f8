"""What a volume holds beside the contexts' files: paths that agent and MCP server agree on."""

from typing import Final

RESERVED: Final = ".mcpfed"
"""Directory of the volume that is no context's."""
BOOKKEEPING: Final = f"{RESERVED}/contexts"
"""`<BOOKKEEPING>/<context>/` holds what is known about a context: apart from all else that is in RESERVED."""
APPLIED: Final = "applied.json"
"""In a context's bookkeeping: the revision last applied. A context is served if and only if it exists."""
INTENT: Final = "intent.json"
"""In a context's bookkeeping: exists exactly while a revision is being written."""
