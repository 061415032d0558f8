"""`mcpfed verify`: is the history what was committed? Also without a control plane, over a dump of the revisions."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from api.context_replica import ContextReplica, ContextReplicaSpec
from api.context_revision import ContextRevision, ContextRevisionSpec
from api.federated_context import FederatedContext
from api.names import revision_name
from cli import printing
from cli.options import Common, Output
from cli.problem import Problem, first_error
from cli.subject import find, full_name, revisions_of
from core.inspection.verify import Anchor, Flaw, anchor_flaws
from core.inspection.verify import verify as flaws_of
from kube.errors import Forbidden
from kube.kinds import CONTEXT_REPLICA, Object

OptionalContextArgument = Annotated[
    str | None, typer.Argument(metavar="[CONTEXT]", help="A FederatedContext: its name, or namespace/name.")
]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="Offline: the output of `kubectl get contextrevisions -o json`."),
]


@dataclass(frozen=True)
class Report:
    """What was found out about one context."""

    name: str
    revisions: list[ContextRevisionSpec]
    flaws: list[Flaw]
    anchors: int
    """How many sites the history was compared with."""


async def verify(options: Common, context: OptionalContextArgument = None, file: FileOption = None) -> None:
    """Work out every digest and link anew, and compare with what members hold. Exit code 1 if anything is wrong."""
    if (context is None) == (file is None):
        raise Problem("verify: give either CONTEXT or --file DUMP.json")
    if file is not None:
        reports = [_report(name, raws, []) for name, raws in sorted(_dump(file).items())]
    else:
        reports = [await _online(options, str(context))]
    if options.output is Output.JSON:
        printing.print_json({"contexts": [_as_json(report) for report in reports]})
    else:
        printing.print_lines(line for report in reports for line in _lines(report))
    if any(report.flaws for report in reports):
        raise typer.Exit(printing.OUT_OF_SYNC)


def _report(name: str, raws: Iterable[Object], anchors: Sequence[Anchor]) -> Report:
    """Verifies the stored revisions of one context; one that cannot be read is a flaw, too."""
    revisions: list[ContextRevisionSpec] = []
    flaws: list[Flaw] = []
    for raw in raws:
        try:
            revision = ContextRevision.parse(raw)
        except ValidationError as error:
            flaws.append(Flaw(_claimed_version(raw), f"cannot be read: {first_error(error)}"))
            continue
        revisions.append(revision.spec)
        if revision.metadata.name != revision_name(revision.spec.context, revision.spec.version):
            flaws.append(Flaw(revision.spec.version, f"is stored under the name {revision.metadata.name}"))
    revisions.sort(key=lambda revision: revision.version)
    flaws += [*flaws_of(revisions), *anchor_flaws(revisions, anchors)]
    return Report(name, revisions, sorted(flaws, key=lambda flaw: flaw.version), len(anchors))


async def _online(options: Common, given: str) -> Report:
    async with await options.connect() as api:
        context = await find(api, given, options.namespace)
        try:
            replicas = [ContextReplica.parse(raw).spec for raw in await api.list(CONTEXT_REPLICA)]
        except Forbidden:
            printing.note("not compared with what members hold: no right to list ContextReplicas in all namespaces")
            replicas = []
        # Read after what members hold: a member that is ahead of these revisions then shows that some are lost.
        raws = await revisions_of(api, context)
    return _report(full_name(context), raws, _anchors(context, replicas))


def _anchors(context: FederatedContext, replicas: Iterable[ContextReplicaSpec]) -> list[Anchor]:
    """What the sites of a context report as applied."""
    place = (context.metadata.namespace, context.metadata.name)
    sites = [site for spec in replicas if (spec.context_namespace, spec.context) == place for site in spec.sites]
    return [Anchor(site.site, site.base_version, site.base_digest) for site in sites if site.base_digest]


def _dump(file: Path) -> dict[str, list[Object]]:
    """The revisions in a file, by context."""
    try:
        document: Any = json.loads(file.read_bytes())
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise Problem(f"{file}: not JSON: {error}") from error
    try:
        objects: list[Object] = document["items"] if document["kind"].endswith("List") else [document]
        revisions = [obj for obj in objects if obj["kind"] == "ContextRevision"]
        found: dict[str, list[Object]] = defaultdict(list)
        for raw in revisions:
            found[f"{raw['metadata']['namespace']}/{raw['spec']['context']}"].append(raw)
    except (TypeError, KeyError, AttributeError) as error:
        raise Problem(f"{file}: not the output of `kubectl get contextrevisions -o json`") from error
    if not found:
        raise Problem(f"{file}: holds no ContextRevision")
    return found


def _claimed_version(raw: Object) -> int:
    version: object = raw["spec"].get("version")
    return version if isinstance(version, int) else 0


def _lines(report: Report) -> list[str]:
    if report.flaws:
        return [f"{report.name} version {flaw.version}: {flaw.message}" for flaw in report.flaws]
    if not report.revisions:
        return [f"{report.name}: no revision"]
    first, head = report.revisions[0], report.revisions[-1]
    compared = f", as {report.anchors} sites know it" if report.anchors else ""
    retained = f"versions {first.version} to {head.version} are as they were committed{compared}"
    return [f"{report.name}: {retained}; the newest is {head.chain_digest}"]


def _as_json(report: Report) -> dict[str, Any]:
    head = report.revisions[-1] if report.revisions else None
    return {
        "context": report.name,
        "versions": [revision.version for revision in report.revisions],
        "chainDigest": head.chain_digest if head else None,
        "anchors": report.anchors,
        "flaws": [{"version": flaw.version, "message": flaw.message} for flaw in report.flaws],
    }
