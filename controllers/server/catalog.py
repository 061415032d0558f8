"""Everything that is served: the union of all contexts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from api.item import ContextType
from api.names import META_DIGEST, META_VERSION
from controllers.server.primitives import Prompt, Resource, Template, Tool
from controllers.server.served_context import ServedContext
from core.values.canonical import payload_digest

_P = TypeVar("_P", Tool, Prompt, Resource, Template)


@dataclass(frozen=True)
class Catalog:
    """What clients see. Lists are sorted by what identifies their members."""

    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])
    prompts: Mapping[str, Prompt] = field(default_factory=dict[str, Prompt])
    resources: Mapping[str, Resource] = field(default_factory=dict[str, Resource])
    """By URI."""
    templates: Mapping[str, Template] = field(default_factory=dict[str, Template])
    """By URI template."""
    meta: Mapping[ContextType, dict[str, Any]] = field(default_factory=dict[ContextType, dict[str, Any]])
    """`_meta` of results, by primitive: digest of what is served and versions of its contexts."""
    hidden: list[str] = field(default_factory=list[str])
    """Items that another context's item of the same name hides."""

    @classmethod
    def of(cls, contexts: Iterable[ServedContext]) -> "Catalog":
        """The union of contexts; where two have the same name or URI, the first context by name wins."""
        ordered = sorted(contexts, key=lambda context: context.name)
        hidden: list[str] = []
        return cls(
            tools=_union(Tool, ordered, hidden),
            prompts=_union(Prompt, ordered, hidden),
            resources=_union(Resource, ordered, hidden),
            templates=_union(Template, ordered, hidden),
            meta={kind: _meta([each for each in ordered if each.context_type is kind]) for kind in ContextType},
            hidden=hidden,
        )


def _union(kind: type[_P], contexts: list[ServedContext], hidden: list[str]) -> dict[str, _P]:
    found: dict[str, _P] = {}
    owners: dict[str, str] = {}
    for context in contexts:
        for name, item in context.items.items():
            if not isinstance(item, kind):
                continue
            if (owner := owners.setdefault(item.key, f"{context.name}/{name}")) == f"{context.name}/{name}":
                found[item.key] = item
            else:
                hidden.append(f"{context.name}/{name}: hidden by {owner}, which has the same name or URI")
    return dict(sorted(found.items()))


def _meta(contexts: list[ServedContext]) -> dict[str, Any]:
    """The digest of one context is its payload's; of several, names are qualified by their contexts."""
    if len(contexts) == 1:
        digest = contexts[0].digest
    else:
        digest = payload_digest(
            {f"{context.name}/{name}": digest for context in contexts for name, digest in context.digests.items()}
        )
    return {META_DIGEST: digest, META_VERSION: {context.name: context.version for context in contexts}}
