"""Whose changes count: each direction does in both members what it says."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from api.context_revision import ConflictRecord
from api.federated_context import Phase
from kube.kinds import FEDERATED_CONTEXT, Object
from tests.support.federation import Context, Federation, document, until
from tests.support.fleet import SERVER, LocalFleet, Run, execute


@asynccontextmanager
async def declared(federation: Federation, direction: str) -> AsyncGenerator[tuple[Context, str, str]]:
    """A context with an item of the direction and one that is two-way; their names are given, too."""
    async with federation.context() as context:
        directed, shared = f"{context.name}/directed/item", f"{context.name}/shared"
        await declare(context, {directed: "declared", shared: "declared"}, direction)
        await context.settled()
        yield context, directed, shared


async def declare(context: Context, texts: dict[str, str], direction: str) -> None:
    rules = [{"match": f"{context.name}/directed/*", "direction": direction}]
    await context.declare([document(*each) for each in texts.items()], conflictPolicy={"rules": rules})


def text(context: Context, member: str, item: str) -> str | None:
    path = context.path(member, f"resources/{item}")
    return path.read_text() if path.exists() else None


def refused(context: Context) -> list[ConflictRecord]:
    return [record for revision in context.history for record in revision.conflicts]


async def mcpfed(fleet: LocalFleet, *arguments: str) -> Run:
    environment = {**os.environ, "KUBECONFIG": str(fleet.kubeconfig("control-plane"))}
    return await execute(sys.executable, "-m", "cli.main", *arguments, seconds=60, environment=environment)


async def test_from_control_plane_a_members_change_is_reverted_and_recorded(
    fleet: LocalFleet, federation: Federation
) -> None:
    here = fleet.members[0]
    async with declared(federation, "FromControlPlane") as (context, directed, _):
        context.write(here, f"resources/{directed}", "mine")
        await until(lambda: refused(context), 15, context.explain)
        await context.settled()
        (record,) = refused(context)
        assert record.lost.content is not None
        assert (record.item, record.policy, record.lost.content.text) == (directed, "FromControlPlane", "mine")
        assert {text(context, member, directed) for member in fleet.members} == {"declared"}


async def test_from_member_a_later_declaration_is_refused_and_recorded(
    fleet: LocalFleet, federation: Federation
) -> None:
    here = fleet.members[0]
    async with declared(federation, "FromMember") as (context, directed, shared):
        context.write(here, f"resources/{directed}", "from a member")
        await until(lambda: context.texts[directed] == "from a member", 15, context.explain)
        await declare(context, {directed: "declared again", shared: "declared again"}, "FromMember")
        await until(lambda: context.texts[shared] == "declared again", 15, context.explain)
        await context.settled()
        (record,) = refused(context)
        assert record.lost.content is not None
        assert (record.item, record.policy, record.lost.content.text) == (directed, "FromMember", "declared again")
        assert {text(context, member, directed) for member in fleet.members} == {"from a member"}


async def test_local_copies_are_their_members_own_and_everything_is_in_sync(
    fleet: LocalFleet, federation: Federation
) -> None:
    here, there = fleet.members[:2]
    async with declared(federation, "Local") as (context, directed, shared):
        added = f"{context.name}/directed/added"
        context.write(here, f"resources/{directed}", "mine")
        context.write(here, f"resources/{added}", "mine")
        context.write(here, f"resources/{shared}", "for all")
        await until(lambda: context.texts[shared] == "for all", 15, context.explain)

        context.path(there, f"resources/{directed}").unlink()
        await declare(context, {directed: "declared again", shared: "declared"}, "Local")
        await until(lambda: context.texts[directed] == "declared again", 15, context.explain)
        await until(lambda: text(context, there, directed) == "declared again", 15, context.explain)
        await context.applied()
        assert (text(context, here, directed), text(context, here, added)) == ("mine", "mine")
        assert text(context, there, added) is None
        assert context.texts == {directed: "declared again", shared: "for all"}
        assert refused(context) == []
        await everybody_is_in_sync(fleet, federation, context)

        await declare(context, {shared: "declared"}, "Local")
        await until(lambda: directed not in context.texts, 15, context.explain)
        await context.applied()
        assert (text(context, here, directed), text(context, there, directed)) == ("mine", "declared again")
        await everybody_is_in_sync(fleet, federation, context)


async def everybody_is_in_sync(fleet: LocalFleet, federation: Federation, context: Context) -> None:
    """Whoever compares finds no difference: the status, the servers, the command line."""
    assert (context.status.phase, context.status.exceptions) == (Phase.APPLIED, [])
    for member in fleet.members:
        await federation.serving(member, context)
        compared = await mcpfed(fleet, "diff", f"{SERVER}/{context.name}", "--member", member)
        assert compared.code == 0, compared.output


async def test_an_item_that_is_local_no_longer_is_proposed_with_what_its_copies_became(
    fleet: LocalFleet, federation: Federation
) -> None:
    here = fleet.members[0]
    async with declared(federation, "Local") as (context, directed, _):
        context.write(here, f"resources/{directed}", "mine")
        patch: Object = {"spec": {"conflictPolicy": {"rules": []}}}
        await federation.control_plane.patch(FEDERATED_CONTEXT, SERVER, context.name, patch, field_manager="test")
        await until(lambda: context.texts[directed] == "mine", 15, context.explain)
        await context.settled()
        assert {text(context, member, directed) for member in fleet.members} == {"mine"}
        assert refused(context) == []
