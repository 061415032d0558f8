"""Canonical form and digests: SHA-256 over RFC 8785 JSON, so that equal content has equal digests everywhere."""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

from api.item import ItemContent


def digest(value: Any) -> str:
    """`sha256:<hex>` of the RFC 8785 form of a JSON value."""
    return "sha256:" + hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def size(value: Any) -> int:
    """Bytes of the RFC 8785 form of a JSON value."""
    return len(rfc8785.dumps(value))


def content_digest(content: ItemContent) -> str:
    """Digest of an item's content; its name does not count."""
    wire = content.wire()
    wire.pop("name", None)
    wire.pop("dot", None)
    return digest(wire)


def payload_digest(digests: Mapping[str, str]) -> str:
    """Digest of a payload, from the content digest of each live item by name."""
    return digest(dict(digests))
