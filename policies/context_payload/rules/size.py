"""The size of the payload."""

from typing import Any

from api.names import INLINE_LIMIT_BYTES
from core.values.canonical import size
from policies.context_payload.declared import DeclaredContext
from policies.context_payload.rule import Faults


def payload_size(context: DeclaredContext) -> Faults:
    """R23: the payload is small enough to be stored in every member and in every revision."""
    total = _size(context.payload)
    if total > INLINE_LIMIT_BYTES:
        largest = max(context.items, key=lambda item: _size(item.body), default=None)
        advice = "it is the largest; split the context" if largest else "split the context"
        yield largest and largest.label, f"the payload has {total} bytes, the limit is {INLINE_LIMIT_BYTES}; {advice}"


def _size(value: Any) -> int:
    """Bytes as canonical JSON; without limit for what cannot be written as such."""
    try:
        return size(value)
    except ValueError:
        return INLINE_LIMIT_BYTES * 2
