"""declare: what changed in FederatedContext.spec since the last declaration becomes changes of the site `declared`."""

from dataclasses import dataclass

from api.context_replica import Change
from api.context_revision import ContextRevisionSpec, Declared, DeclaredItem
from api.dot import Dot
from api.item import ContextPayload
from api.names import DECLARED_SITE
from core.hub.merge import Merger
from core.values import clock
from core.values.canonical import content_digest


@dataclass(frozen=True)
class Declaration:
    """The changes of a declaration, and what the next one is compared with."""

    changes: tuple[Change, ...]
    declared: Declared


def declare(head: ContextRevisionSpec | None, payload: ContextPayload, generation: int, merger: Merger) -> Declaration:
    """Compares the declared payload with the declaration that the head has taken in.

    Only what the program has changed is a change: an item that only members changed stays as it is.
    """
    # A controller whose cache is behind must not declare an old generation again.
    if head is not None and head.declared.generation >= generation:
        return Declaration((), head.declared)
    known = {item.name: item for item in head.declared.items} if head else {}
    hlc = clock.latest([head.hlc, *head.version_vector.values()]) if head else clock.ZERO
    site = f"{DECLARED_SITE}#{merger.incarnation}"
    changes: list[Change] = []
    items: list[DeclaredItem] = []
    wanted = {item.name: item for item in payload.items}
    for name in sorted({*known, *wanted}):
        before, item = known.get(name), wanted.get(name)
        digest = content_digest(item) if item else None
        if before and before.digest == digest:
            items.append(before)
            continue
        hlc = clock.tick(hlc, merger.now_millis)
        dot, base = Dot(site=site, hlc=hlc), before.dot if before else None
        if item is None or digest is None:
            changes.append(Change(item=name, deleted=True, dot=dot, base_dot=base))
        else:
            changes.append(Change(item=name, content=item.content, dot=dot, base_dot=base))
            items.append(DeclaredItem(name=name, digest=digest, dot=dot))
    return Declaration(tuple(changes), Declared(generation=generation, items=items))
