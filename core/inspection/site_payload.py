"""Site payload: what a site holds now, computed from its report and the revisions."""

from collections.abc import Iterable
from dataclasses import dataclass

from api.context_replica import SiteState
from api.context_revision import ContextRevisionSpec
from api.item import ItemContent
from core.inspection.difference import live
from core.member.collect import undecided
from core.values.canonical import content_digest, payload_digest


@dataclass(frozen=True)
class SitePayload:
    """The items of a site."""

    contents: dict[str, ItemContent]
    """The revision that it has applied, with its own undecided changes in it."""
    is_exact: bool
    """False: by its digest the site holds something else, which it has not proposed."""


def site_payload(history: Iterable[ContextRevisionSpec], site: SiteState) -> SitePayload | None:
    """What a site holds; None if the revision that it has applied is not among the retained ones."""
    applied = next((revision for revision in history if revision.chain_digest == site.base_digest), None)
    if applied is None:
        return None
    contents = live(applied)
    for change in undecided(site, applied.version_vector):
        contents.pop(change.item, None)
        if change.content is not None:
            contents[change.item] = change.content
    digest = payload_digest({name: content_digest(content) for name, content in contents.items()})
    return SitePayload(contents, site.digest in (None, digest))
