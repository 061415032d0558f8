"""Local items with the agent as a process: files of a pod's own beside those of the federation."""

import json

from api.mcp_context import LocalRule
from core.site.bookkeeping import APPLIED, BOOKKEEPING
from tests.support.agent_world import CONTEXT, Member, resource, running

NOTES = [LocalRule(match="notes/team.txt", local=False), LocalRule(match="notes/*", local=True)]
SEED = {"a.txt": "alpha\n", "notes/team.txt": "team\n", "notes/x.txt": "seed\n"}


async def test_a_copy_is_the_pods_own_and_the_pod_still_holds_the_revision(member: Member) -> None:
    await member.serve(SEED, local_items=NOTES)
    async with running(member):
        await member.applied()
        assert member.texts() == SEED
        (member.directory / "notes/x.txt").write_text("mine\n")
        (member.directory / "notes/y.txt").write_text("added\n")
        (member.directory / "notes/team.txt").write_text("edited\n")
        edited = resource("notes/team.txt", "edited\n")
        state = await member.state_when(lambda state: [change.content for change in state.changes] == [edited])

        decided = {change.dot.site: change.dot.hlc for change in state.changes}
        declared = {**SEED, "a.txt": "alpha 2\n", "notes/team.txt": "edited\n", "notes/x.txt": "new\n"}
        head = await member.serve({**declared, "notes/z.txt": "seed\n"}, decided, NOTES)
        state = await member.applied()
        own = {"notes/x.txt": "mine\n", "notes/y.txt": "added\n", "notes/z.txt": "seed\n"}
        assert member.texts() == {**declared, **own}
        assert (state.digest, state.changes) == (head.digest, [])

    async with running(member):
        await member.serve({"a.txt": "alpha 3\n", "notes/x.txt": None}, decided, NOTES)
        state = await member.applied()
        assert member.texts() == {"a.txt": "alpha 3\n", **own}
        assert (state.changes, state.problems) == ([], [])


async def test_the_rules_of_a_revision_may_change_and_nothing_is_lost(member: Member) -> None:
    head = await member.serve(SEED)
    await member.start()
    await member.applied()
    (member.directory / "notes/x.txt").write_text("mine\n")
    await member.changes_when("notes/x.txt")

    await member.store(head.model_copy(update={"local_items": NOTES}))
    state = await member.state_when(lambda state: not state.changes)
    assert state.digest == head.digest
    assert member.texts() == {**SEED, "notes/x.txt": "mine\n"}
    applied = json.loads((member.volume / BOOKKEEPING / CONTEXT / APPLIED).read_text())
    assert applied["localItems"] == [rule.wire() for rule in NOTES]
    assert applied["seeds"].keys() == {"notes/x.txt"}

    await member.store(head)
    change = (await member.changes_when("notes/x.txt"))["notes/x.txt"]
    assert change.content == resource("notes/x.txt", "mine\n")
    assert change.base_dot == head.context_payload.items[0].dot
    assert member.texts() == {**SEED, "notes/x.txt": "mine\n"}
