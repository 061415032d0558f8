"""The URIs of MCP resources and their templates."""

import re
from typing import Final
from urllib.parse import unquote

from api.item import ContextType
from policies.context_payload.declared import DeclaredContext
from policies.context_payload.rule import Faults

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.DOTALL)
_FORBIDDEN_SCHEMES: Final = ("javascript:", "vbscript:", "data:")
_TRAVERSAL: Final = re.compile(r"(^|[/\\:])\.\.([/\\?#]|$)")


def uri(context: DeclaredContext) -> Faults:
    """R21: a URI has a scheme, is no script, and leads nowhere else."""
    if context.context_type != ContextType.RESOURCES:
        return
    for item in context.items:
        for key in ("uri", "uriTemplate"):
            if (value := item.definition.get(key)) is not None and (fault := uri_fault(str(value))):
                yield item.label, f"definition.{key}: {fault}"


def uri_fault(value: str) -> str | None:
    """What is wrong with a URI or URI template, if anything."""
    if not _SCHEME.fullmatch(value):
        return f"{value!r} has no scheme; write e.g. resource:///{value}"
    decoded = unquote(unquote(value))
    if decoded.lower().startswith(_FORBIDDEN_SCHEMES):
        return f"the scheme of {value[:40]!r} carries content or script; give the content as text or data"
    if _TRAVERSAL.search(decoded):
        return f"{value!r} climbs with `..`; write the path without it"
    return None
