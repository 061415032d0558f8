"""Operator: a person who changes items on the control plane is a site like any other, a new one for each command."""

from collections.abc import Mapping

from api.context_replica import Change, SiteState
from api.context_revision import ContextRevisionSpec
from api.dot import Dot
from api.item import ItemContent
from api.names import OPERATOR_SITE
from core.values import clock

_USER_LIMIT = 256


def operator_site(user: str, incarnation: str) -> str:
    """The site of one command that a person gives.

    Args:
        user: who, as the control plane knows the person.
        incarnation: 8 hex digits that no other command has.
    """
    return f"{OPERATOR_SITE}/{user[:_USER_LIMIT]}#{incarnation}"


def operator_state(
    site: str, head: ContextRevisionSpec, wanted: Mapping[str, ItemContent | None], now_millis: int
) -> SiteState:
    """What somebody who has seen the head proposes: other contents for items; None deletes one."""
    seen = {item.name: item.dot for item in head.items}
    hlc = clock.latest([head.hlc, *head.version_vector.values()])
    changes: list[Change] = []
    for name in sorted(wanted):
        hlc = clock.tick(hlc, now_millis)
        content, dot = wanted[name], Dot(site=site, hlc=hlc)
        deleted = True if content is None else None
        changes.append(Change(item=name, content=content, deleted=deleted, dot=dot, base_dot=seen.get(name)))
    return SiteState(site=site, base_version=head.version, base_digest=head.chain_digest, changes=changes)
