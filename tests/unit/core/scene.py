"""Small constructors for the tests of core: contents, dots, changes, contexts and heads."""

from api.context_replica import Change
from api.context_revision import ContextRevisionSpec
from api.dot import Dot
from api.federated_context import FederatedContext, FederatedContextSpec
from api.item import ContextPayload, Item, ItemContent
from core.hub.commit import next_revision
from core.hub.declare import declare
from core.hub.merge import Merge, Merger, merge
from core.values import clock


def content(text: str) -> ItemContent:
    return ItemContent(definition={"description": text})


def dot(site: str, millis: int) -> Dot:
    return Dot(site=site, hlc=clock.encode(millis))


def change(item: str, text: str | None, at: Dot, base: Dot | None = None) -> Change:
    if text is None:
        return Change(item=item, deleted=True, dot=at, base_dot=base)
    return Change(item=item, content=content(text), dot=at, base_dot=base)


def payload(**texts: str) -> ContextPayload:
    return ContextPayload(items=[Item.of(name, content(text)) for name, text in texts.items()])


def spec(**texts: str) -> FederatedContextSpec:
    return FederatedContextSpec.model_validate(
        {"mcpServerName": "assistant", "contextType": "tools", "contextPayload": payload(**texts).wire()}
    )


def context(wanted: FederatedContextSpec | None = None, generation: int = 1) -> FederatedContext:
    return FederatedContext.model_validate(
        {
            "metadata": {"name": "demo", "namespace": "team", "uid": "u-1", "generation": generation},
            "spec": (wanted or spec()).wire(),
        }
    )


def advance(
    head: ContextRevisionSpec | None,
    changes: list[Change],
    *,
    declared: ContextPayload | None = None,
    generation: int = 1,
    now: int = 100,
    wanted: FederatedContextSpec | None = None,
) -> ContextRevisionSpec | None:
    """One reconcile's worth of core: declare, merge, commit. None if there is nothing to commit."""
    merger, history = Merger("t", now), [head] if head else []
    declaration = declare(head, declared or ContextPayload(), generation, merger)
    merged = merge(history, [*declaration.changes, *changes], wanted or spec(), merger)
    if merged is None and head is not None:
        return None
    return next_revision("demo", head, merged or Merge.after(None), declaration.declared, now)


def texts(head: ContextRevisionSpec) -> dict[str, str]:
    """The live items of a head, by name."""
    return {item.name: item.content.definition["description"] for item in head.items if item.content}
