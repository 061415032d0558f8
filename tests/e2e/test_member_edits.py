"""Files changed in one member's context directory reach the other member, with a trace of who and when."""

from __future__ import annotations

import time
from datetime import datetime

from mcp.client import Client
from mcp_types import TextResourceContents

from tests.support.federation import Federation, document, until
from tests.support.fleet import LocalFleet


async def test_an_edited_an_added_and_a_deleted_file_arrive(fleet: LocalFleet, federation: Federation) -> None:
    here, there = fleet.members[:2]
    async with federation.context() as context:
        edited, added, deleted = (f"{context.name}/{name}" for name in ("edited", "added", "deleted"))
        declared = [document(edited, "old"), document(deleted, "old")]
        await context.declare(declared)
        await context.settled()
        generation = context.generation
        began = time.time()

        context.write(here, f"resources/{edited}", "new")
        await until(lambda: context.texts.get(edited) == "new", 15, context.explain)
        context.write(here, f"resources/{added}", "added")
        await until(lambda: added in context.texts, 15, context.explain)
        context.path(here, f"resources/{deleted}").unlink()
        await until(lambda: deleted not in context.texts, 15, context.explain)
        await context.settled()

        async with Client(fleet.endpoint(there), cache=None) as client:
            uris = {each.uri for each in (await client.list_resources()).resources}
            assert {f"resource:///{edited}", f"resource:///{added}"} <= uris
            assert f"resource:///{deleted}" not in uris
            (contents,) = (await client.read_resource(f"resource:///{edited}")).contents
            assert isinstance(contents, TextResourceContents)
            assert contents.text == "new"

        first, *edits = context.history
        assert first.cause[0].site.partition("#")[0] == "declared"
        assert [cause.items for revision in edits for cause in revision.cause] == [[edited], [added], [deleted]]
        for revision in edits:
            (cause,) = revision.cause
            assert cause.site.startswith(f"{here}/")
            assert began - 1 <= datetime.fromisoformat(revision.timestamp).timestamp() <= time.time() + 1
            dots = [item.dot for item in revision.items if item.name in cause.items]
            assert [dot.site for dot in dots] == [cause.site]
        assert context.status.last_writer == edits[-1].cause[0].site

        stored = await context.stored()
        assert context.generation == generation
        assert [item.wire() for item in stored.spec.context_payload.items] == declared


async def test_an_edit_of_an_unchanged_text_makes_no_revision(fleet: LocalFleet, federation: Federation) -> None:
    here = fleet.members[0]
    async with federation.context() as context:
        same, other = f"{context.name}/same", f"{context.name}/other"
        await context.declare([document(same, "text"), document(other, "old")])
        await context.settled()
        context.write(here, f"resources/{same}", "text")
        context.write(here, f"resources/{other}", "new")
        await until(lambda: context.texts.get(other) == "new", 15, context.explain)
        await context.settled()
        assert [cause.items for revision in context.history[1:] for cause in revision.cause] == [[other]]
