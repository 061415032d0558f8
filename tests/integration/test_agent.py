"""The agent as a process, against a real API server and a real directory: what it writes and what it publishes."""

import json

from core.site.bookkeeping import APPLIED, BOOKKEEPING, RESERVED
from tests.support.agent_world import (
    CONTEXT,
    POD,
    Member,
    resource,
)


async def test_a_revision_becomes_files_and_its_digest_is_published(member: Member) -> None:
    spec = await member.serve({"a.txt": "alpha\n", "deep/b.txt": "beta\n"})
    await member.start()

    state = await member.applied()

    assert member.texts() == {"a.txt": "alpha\n", "deep/b.txt": "beta\n"}
    assert state.digest == spec.digest
    assert state.base_digest == spec.chain_digest
    assert state.changes == []
    assert state.problems == []
    applied = json.loads((member.volume / BOOKKEEPING / CONTEXT / APPLIED).read_text())
    assert applied == {
        "context": CONTEXT,
        "contextType": "resources",
        "version": 1,
        "epoch": 0,
        "digest": spec.digest,
        "chainDigest": spec.chain_digest,
        "mcpServerName": "assistant",
    }


async def test_edits_additions_and_deletions_are_proposed_with_their_base(member: Member) -> None:
    spec = await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()
    base = spec.context_payload.items[0].dot

    (member.directory / "a.txt").write_text("alpha, edited\n")
    (member.directory / "b.txt").unlink()
    (member.directory / "c.txt").write_text("gamma\n")
    changes = await member.changes_when("a.txt", "b.txt", "c.txt")

    assert changes["a.txt"].content == resource("a.txt", "alpha, edited\n")
    assert changes["a.txt"].base_dot == base
    assert changes["b.txt"].deleted
    assert changes["b.txt"].base_dot == base
    assert changes["c.txt"].content == resource("c.txt", "gamma\n")
    assert changes["c.txt"].base_dot is None
    assert all(change.dot.site.startswith(f"m1/{POD}#") for change in changes.values())


async def test_an_undecided_edit_stays_until_the_control_plane_decides(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()
    (member.directory / "a.txt").write_text("mine\n")
    mine = (await member.changes_when("a.txt"))["a.txt"]

    await member.serve({"a.txt": "theirs\n", "b.txt": "beta 2\n"})
    await member.applied()
    assert member.texts() == {"a.txt": "mine\n", "b.txt": "beta 2\n"}
    assert (await member.changes_when("a.txt"))["a.txt"] == mine

    await member.serve({"a.txt": "theirs\n", "b.txt": "beta 2\n"}, decided={mine.dot.site: mine.dot.hlc})
    await member.texts_when({"a.txt": "theirs\n", "b.txt": "beta 2\n"})
    await member.changes_when()


async def test_what_the_agent_writes_itself_causes_no_write_to_the_api_server(member: Member) -> None:
    await member.serve({f"{number}.txt": f"text {number}\n" for number in range(20)})
    await member.start()
    await member.applied()
    await member.serve({f"{number}.txt": f"text {number} again\n" for number in range(20)})
    await member.applied()
    before = await member.replica()

    with member.frozen():  # a file that is just being written is empty for a moment, which is a change
        (member.directory / "0.txt").touch()
        (member.directory / "1.txt").write_text("text 1 again\n")
        (member.directory / "2.txt").write_text("an edit, which is published after all that came before it\n")
    await member.changes_when("2.txt")

    after = await member.replica()
    assert before is not None
    assert after is not None
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1


async def test_an_invalid_file_is_reported_with_its_line_and_left_alone(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()
    broken = '{\n  "definition": {\n'
    (member.directory / "a.txt.mcp.json").write_text(broken)
    state = await member.state_when(lambda state: bool(state.problems))
    assert state.problems[0].item == "a.txt"
    assert state.problems[0].message.startswith("resources/a.txt.mcp.json:3: ")
    assert state.changes == []

    await member.serve({"a.txt": "alpha 2\n", "b.txt": "beta 2\n"})
    await member.texts_when({"a.txt": "alpha\n", "a.txt.mcp.json": broken, "b.txt": "beta 2\n"})

    (member.directory / "a.txt.mcp.json").unlink()
    await member.texts_when({"a.txt": "alpha 2\n", "b.txt": "beta 2\n"})
    state = await member.state_when(lambda state: not state.problems)
    assert state.changes == []


async def test_content_found_without_a_journal_yields_to_the_head_but_is_kept_aside(member: Member) -> None:
    member.directory.mkdir(parents=True)
    (member.directory / "a.txt").write_text("found\n")
    (member.directory / "gone.txt").write_text("deleted elsewhere\n")
    (member.directory / "new.txt").write_text("unknown elsewhere\n")
    await member.serve({"a.txt": "head\n", "gone.txt": None})
    await member.start()

    changes = await member.changes_when("new.txt")

    assert changes["new.txt"].base_dot is None
    assert member.texts() == {"a.txt": "head\n", "new.txt": "unknown elsewhere\n"}
    saved = {path.name: path.read_text() for path in (member.volume / RESERVED / "recovered").rglob("*.txt")}
    assert saved == {"a.txt": "found\n", "gone.txt": "deleted elsewhere\n"}
