"""`mcpfed diff`: two versions; or a version and the declaration; or a version and what a cluster last reported.

All of it is read on the control plane: what a cluster holds is worked out by `core.inspection.site_payload`, from the
retained revisions and the ContextReplica that it has written there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from api.context_replica import ContextReplica, SiteState
from api.item import ItemContent
from api.names import cluster_replica_name, member_namespace
from cli import printing
from cli.options import Common, ContextArgument, Output
from cli.problem import Problem
from cli.subject import Subject, read
from core.inspection.difference import Difference, differences, live, unified
from core.inspection.site_payload import SitePayload, site_payload
from core.values.canonical import content_digest
from kube.client import Api
from kube.kinds import CONTEXT_REPLICA

FirstArgument = Annotated[
    int | None, typer.Argument(metavar="[V1]", min=1, help="A version. Default: the head.", show_default=False)
]
SecondArgument = Annotated[
    int | None, typer.Argument(metavar="[V2]", min=1, help="Another one. Default: the head.", show_default=False)
]


@dataclass(frozen=True)
class Side:
    """One of the two things that are compared."""

    label: str
    payload: Mapping[str, ItemContent]
    remark: str = ""
    """What a person must know of it."""


async def diff(
    options: Common,
    context: ContextArgument,
    first: FirstArgument = None,
    second: SecondArgument = None,
    member: Annotated[
        str | None, typer.Option("--member", help="Compare with what this cluster last reported.")
    ] = None,
    declared: Annotated[bool, typer.Option("--declared", help="Compare with FederatedContext.spec.")] = False,
) -> None:
    """What differs, item by item. Exit code 1 if anything does."""
    if (second is not None) + (member is not None) + declared > 1:
        raise Problem("diff: give one of V2, --member and --declared")
    if first is None and member is None and not declared:
        raise Problem("diff: with what? Give V1 (and V2), --member CLUSTER or --declared")
    async with await options.connect() as api:
        subject = await read(api, context, options.namespace)
        left = _version(subject, first)
        if member is not None:
            right = await _member(api, subject, member)
        else:
            right = [_declaration(subject) if declared else _version(subject, second)]
    pairs = [(left, side, differences(left.payload, side.payload)) for side in right]
    if options.output is Output.JSON:
        printing.print_json({"comparisons": [_as_json(*pair) for pair in pairs]})
    else:
        for pair in pairs:
            _print(*pair)
    if any(found or side.remark for _, side, found in pairs):
        raise typer.Exit(printing.OUT_OF_SYNC)


def _declaration(subject: Subject) -> Side:
    items = subject.context.spec.context_payload.items
    return Side("declaration", {item.name: item.content for item in items})


def _version(subject: Subject, version: int | None) -> Side:
    revision = subject.head if version is None else subject.revision(version)
    return Side(f"version {revision.version}", live(revision))


async def _member(api: Api, subject: Subject, cluster: str) -> list[Side]:
    """What a cluster holds: one side for each state that its pods are in."""
    metadata = subject.context.metadata
    name = cluster_replica_name(metadata.namespace, metadata.name)
    raw = await api.get(CONTEXT_REPLICA, member_namespace(cluster), name)
    sites = ContextReplica.parse(raw).spec.sites if raw else []
    if not sites:
        raise Problem(f"cluster {cluster} has reported nothing of {subject.name}: `mcpfed status` says why")
    sides = [_site(subject, site) for site in sites if site.pod or site.changes]
    alike: dict[tuple[str, ...], Side] = {}
    for side in sides:
        key = tuple(f"{item} {content_digest(content)}" for item, content in sorted(side.payload.items()))
        same = alike.get((*key, side.remark))
        alike[(*key, side.remark)] = Side(f"{same.label}, {side.label}", side.payload, side.remark) if same else side
    return list(alike.values())


def _site(subject: Subject, site: SiteState) -> Side:
    if site.base_version == 0:
        return Side(site.site, {}, "has applied no version yet")
    held: SitePayload | None = site_payload(subject.history, site)
    if held is None:
        return Side(site.site, {}, f"has applied version {site.base_version}, which is not retained here")
    unknown = "" if held.is_exact else "holds something that it has not proposed; `mcpfed status` may say why"
    return Side(site.site, held.contents, unknown)


def _as_json(left: Side, right: Side, found: list[Difference]) -> dict[str, Any]:
    items = [
        {
            "name": difference.item,
            "change": difference.kind,
            "before": content_digest(difference.before) if difference.before else None,
            "after": content_digest(difference.after) if difference.after else None,
            "diff": "\n".join(unified(difference, left.label, right.label)),
        }
        for difference in found
    ]
    return {"from": left.label, "to": right.label, "remark": right.remark, "items": items}


def _print(left: Side, right: Side, found: list[Difference]) -> None:
    if right.remark:
        printing.note(f"{right.label}: {right.remark}")
    printing.note(f"{left.label} → {right.label}: {summary(found)}")
    for difference in found:
        printing.print_diff(unified(difference, left.label, right.label))


def summary(found: list[Difference]) -> str:
    """How many items differ, and how, in a few words."""
    named = [f"{difference.kind} {difference.item}" for difference in found]
    return ", ".join(named) if named else "no difference"
