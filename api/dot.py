"""Dots and version vectors: who changed what, in an order that does not depend on clocks being right."""

from typing import Annotated

from pydantic import Field

from api.model import Model

Hlc = Annotated[str, Field(pattern=r"^[0-9a-f]{12}-[0-9a-f]{4}$")]
"""Hybrid logical clock as text that sorts: Unix milliseconds (12 hex digits), a dash, a counter (4 hex digits)."""

Site = Annotated[str, Field(min_length=1, max_length=384)]
"""One place that can change items: `declared`, or `<cluster>/<pod>#<incarnation>`."""

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
"""SHA-256 over RFC 8785 canonical JSON."""

VersionVector = Annotated[dict[Site, Hlc], Field(max_length=2048)]
"""For each site the greatest HLC of its changes that a revision has taken in; `*` stands for sites no longer named."""


class Dot(Model):
    """Identity of one change: unique, because a site never uses an HLC twice."""

    site: Site
    hlc: Hlc

    def __hash__(self) -> int:
        return hash(self.order)

    @property
    def order(self) -> tuple[str, str]:
        """Total order of dots for last-writer-wins: by HLC, ties by site."""
        return (self.hlc, self.site)
