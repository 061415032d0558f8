"""Pulumi and the members share contexts: no drift after members' edits, merges afterwards, and bad payloads stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.item import ContextType
from api.names import INLINE_LIMIT_BYTES
from kube.kinds import FEDERATED_CONTEXT
from tests.support.federation import Context, Federation, document, until
from tests.support.fleet import SERVER, LocalFleet, Run

POLICIES = Path(__file__).parents[2] / "policies" / "context_payload"
PROGRAM = Path(__file__).parent / "programs" / "notes"


@dataclass
class Program:
    """A stack with one context."""

    fleet: LocalFleet
    directory: Path

    def settings(self, context: Context, items: list[dict[str, Any]]) -> None:
        """Changes what the program declares."""
        settings = {
            "name": context.name,
            "namespace": SERVER,
            "mcp_server_name": SERVER,
            "context_type": context.kind,
            "items": items,
        }
        (self.directory / "context.json").write_text(json.dumps(settings))

    async def pulumi(self, *arguments: str) -> Run:
        return await self.fleet.pulumi(*arguments, project=self.directory)


@pytest.fixture
async def program(fleet: LocalFleet, tmp_path: Path) -> AsyncGenerator[Program]:
    directory = tmp_path / "notes"
    shutil.copytree(PROGRAM, directory, ignore=shutil.ignore_patterns("__pycache__"))
    program = Program(fleet, directory)
    (await program.pulumi("stack", "init", "e2e")).succeeded()
    yield program
    (await program.pulumi("destroy", "--yes", "--skip-preview")).succeeded()
    (await program.pulumi("stack", "rm", "--yes")).succeeded()


async def test_a_members_edit_is_no_drift_and_merges_with_the_next_program(
    fleet: LocalFleet, federation: Federation, program: Program
) -> None:
    here = fleet.members[0]
    async with federation.context() as context:
        mine, theirs = f"{context.name}/mine", f"{context.name}/theirs"
        program.settings(context, [document(mine, "1"), document(theirs, "1")])
        (await program.pulumi("up", "--yes", "--skip-preview")).succeeded()
        await context.settled()

        context.write(here, f"resources/{theirs}", "by the member")
        await until(lambda: context.texts == {mine: "1", theirs: "by the member"}, 15, context.explain)
        (await program.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")).succeeded()
        (await program.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")).succeeded()

        program.settings(context, [document(mine, "2"), document(theirs, "1")])
        (await program.pulumi("up", "--yes", "--skip-preview")).succeeded()
        await until(lambda: context.texts == {mine: "2", theirs: "by the member"}, 15, context.explain)
        await context.settled()


async def test_the_reference_stack_is_unchanged_after_a_members_edit(fleet: LocalFleet, federation: Federation) -> None:
    context = Context(federation, f"{SERVER}-resources", ContextType.RESOURCES)
    await context.applied()
    name = "features.md"
    before = context.texts[name]
    context.write(fleet.members[0], f"resources/{name}", before + "\nA line by a member.\n")
    try:
        await until(lambda: context.texts[name] != before, 15, context.explain)
        (await fleet.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")).succeeded()
        (await fleet.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")).succeeded()
        assert context.texts[name] != before
    finally:
        context.write(fleet.members[0], f"resources/{name}", before)
        await until(lambda: context.texts[name] == before, 15, context.explain)
    await context.settled()


async def test_a_preview_stops_at_a_broken_rule_and_names_the_item(federation: Federation, program: Program) -> None:
    async with federation.context() as context:
        broken = document(f"{context.name}/climbing", "text")
        broken["definition"]["uri"] = "resource:///notes/../../etc/passwd"
        program.settings(context, [document(f"{context.name}/fine", "text"), broken])
        run = await program.pulumi("preview", f"--policy-pack={POLICIES}")
        assert run.code != 0
        assert f"item '{context.name}/climbing'" in run.output
        assert "climbs" in run.output


async def test_a_preview_stops_at_a_payload_that_is_too_large(federation: Federation, program: Program) -> None:
    async with federation.context() as context:
        large = document(f"{context.name}/large", "x" * (INLINE_LIMIT_BYTES - 100))
        program.settings(context, [document(f"{context.name}/fine", "text"), large])
        run = await program.pulumi("preview")
        assert run.code != 0
        assert str(INLINE_LIMIT_BYTES) in run.output
        assert f"'{context.name}/large'" in run.output
        assert await federation.control_plane.get(FEDERATED_CONTEXT, SERVER, context.name) is None
