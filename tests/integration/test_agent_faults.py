"""The agent when something fails: its volume, its API server, the control plane, the agent itself."""

import asyncio
import os
import signal
from pathlib import Path

from yarl import URL

from api.names import pod_replica_name
from core.inspection.confirm import CONFIRM_ANNOTATION, confirmation
from files.tree import MAX_DEPTH
from kube.kinds import CONTEXT_REPLICA
from tests.support.agent_world import (
    CONTEXT,
    POD,
    Member,
    eventually,
    journaled,
    resource,
    running,
)
from tests.support.apiserver import ApiServer
from tests.support.inotify import without_inotify
from tests.support.proxy import proxied


async def test_an_emptied_directory_halts_instead_of_deleting(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()
    with member.frozen():
        for path in member.directory.iterdir():
            path.rename(path.with_name(f".{path.name}"))

    state = await member.state_when(lambda state: bool(state.problems))
    assert (state.problems[0].reason, state.changes) == ("Halted", [])

    for path in member.directory.iterdir():
        path.rename(path.with_name(path.name.removeprefix(".")))
    assert (await member.state_when(lambda state: not state.problems)).changes == []


async def test_a_restored_control_plane_is_handed_what_it_lost_until_it_has_it_again(member: Member) -> None:
    old = await member.serve({"a.txt": "alpha\n"})
    new = await member.serve({"a.txt": "alpha 2\n", "b.txt": "beta\n"})
    await member.start()
    await member.applied()

    await member.store(old)
    state = await member.state_when(lambda state: state.inventory is not None)
    assert state.inventory is not None
    assert {item.name: item.content and item.content.text for item in state.inventory.items} == {
        "a.txt": "alpha 2\n",
        "b.txt": "beta\n",
    }
    assert state.inventory.version_vector == new.version_vector
    assert [problem.reason for problem in state.problems] == ["RecoveryNeeded"]
    assert member.texts() == {"a.txt": "alpha 2\n", "b.txt": "beta\n"}

    (member.directory / "a.txt").write_text("mine\n")
    change = (await member.changes_when("a.txt"))["a.txt"]
    state = await member.state()
    assert state is not None
    assert state.inventory is not None
    assert [item.name for item in state.inventory.items] == ["b.txt"]

    await member.serve({"a.txt": "mine\n", "b.txt": "beta\n"}, decided={change.dot.site: change.dot.hlc})
    state = await member.applied()
    assert (state.inventory, state.problems, state.changes) == (None, [], [])


async def test_a_control_plane_that_asks_for_an_inventory_gets_it_for_as_long_as_it_asks(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n"})
    await member.start()
    state = await member.applied()
    name = pod_replica_name(CONTEXT, POD)
    for wanted in ([state.site], []):
        patch = {"status": {"inventoryWanted": wanted}}
        await member.api.patch(CONTEXT_REPLICA, member.namespace, name, patch, subresource="status")
        state = await member.state_when(lambda state, wanted=wanted: (state.inventory is not None) == bool(wanted))
        assert state.problems == []


async def test_names_that_are_not_text_and_bottomless_folders_stop_nothing_and_are_reported(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n"})
    await member.start()
    await member.applied()
    (member.directory / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    (member.directory / os.fsdecode(b"\xff")).mkdir()
    (member.directory / "/".join(["d"] * 200)).mkdir(parents=True)
    (member.directory / "a.txt").write_text("mine\n")
    change = (await member.changes_when("a.txt"))["a.txt"]
    assert change.content is not None
    assert change.content.text == "mine\n"
    state = await member.state_when(lambda state: len(state.problems) == 3)
    deep = "resources" + "/d" * (MAX_DEPTH + 1)
    assert sorted(one.message.partition(": ")[0] for one in state.problems) == sorted(
        [r"resources/caf\xe9.txt", r"resources/\xff", deep]
    )
    assert member.process is not None
    assert member.process.returncode is None


async def test_an_older_revision_that_is_delivered_late_makes_no_noise(member: Member) -> None:
    old = await member.serve({"a.txt": "alpha\n"})
    new = await member.serve({"a.txt": "alpha 2\n"})
    await member.start()
    await member.applied()
    before = await member.replica()

    await member.store(old)
    await asyncio.sleep(0.2)
    await member.store(new)
    await asyncio.sleep(1.5)  # longer than a late delivery is borne

    assert before is not None
    assert (await member.replica() or {})["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_mass_deletion_is_published_only_when_a_person_has_confirmed_it(member: Member) -> None:
    await member.serve({f"{number}.txt": "text\n" for number in range(5)})
    await member.start()
    await member.applied()
    with member.frozen():
        for number in range(4):
            (member.directory / f"{number}.txt").unlink()
    state = await member.state_when(lambda state: bool(state.problems))
    assert ([problem.reason for problem in state.problems], state.changes) == (["Halted"], [])

    annotations = {CONFIRM_ANNOTATION: confirmation([state])}
    name = pod_replica_name(CONTEXT, POD)
    await member.api.patch(CONTEXT_REPLICA, member.namespace, name, {"metadata": {"annotations": annotations}})
    changes = await member.changes_when("0.txt", "1.txt", "2.txt", "3.txt")
    assert all(change.deleted for change in changes.values())
    assert (await member.state_when(lambda state: not state.problems)).site == state.site


async def test_without_an_api_server_it_goes_on_detecting_and_publishes_when_one_is_back(
    member: Member, apiserver: ApiServer, tmp_path: Path
) -> None:
    async with proxied(URL(apiserver.server).port or 0) as proxy:
        kubeconfig = apiserver.kubeconfig.read_text().replace(apiserver.server, f"https://127.0.0.1:{proxy.port}")
        (tmp_path / "kubeconfig").write_text(kubeconfig)
        member.environment["KUBECONFIG"] = str(tmp_path / "kubeconfig")
        await member.serve({"a.txt": "alpha\n", "b.txt": "beta\n"})
        await member.start()
        await member.applied()
        proxy.cut()

        (member.directory / "a.txt").write_text("while it is away\n")
        await eventually(lambda: journaled(member, "a.txt"))
        await member.end(signal.SIGKILL)
        (member.directory / "b.txt").write_text("while both are away\n")
        await member.start()
        await eventually(lambda: journaled(member, "b.txt"))

        proxy.heal()
        changes = await member.changes_when("a.txt", "b.txt")
        assert changes["a.txt"].content == resource("a.txt", "while it is away\n")
        assert changes["b.txt"].content == resource("b.txt", "while both are away\n")


async def test_files_are_looked_at_where_they_cannot_be_watched(member: Member) -> None:
    await member.serve({"a.txt": "alpha\n"})
    member.command = without_inotify(*member.command)
    await member.start()
    await member.applied()
    (member.directory / "a.txt").write_text("mine\n")
    await member.changes_when("a.txt")
    assert "fs.inotify.max_user_instances" in member.log.read_text()


async def test_killed_at_any_moment_it_neither_loses_nor_invents_a_change(member: Member) -> None:
    names = [f"{number}.txt" for number in range(30)]
    texts: dict[str, str] = dict.fromkeys(names, "0\n")
    await member.serve(texts)
    for attempt in range(1, 13):
        await member.start()
        await member.applied()
        (member.directory / "0.txt").write_text(f"edit {attempt}\n")
        texts = dict.fromkeys(names, f"{attempt}\n")
        await member.serve(texts)
        await asyncio.sleep(0.003 * attempt)  # the moment of the crash, different each time
        await member.end(signal.SIGKILL)

        async with running(member):
            await member.applied()
            change = (await member.changes_when("0.txt"))["0.txt"]
            assert change.content == resource("0.txt", f"edit {attempt}\n")
            assert member.texts() == {**texts, "0.txt": f"edit {attempt}\n"}
            await member.serve(texts, decided={change.dot.site: change.dot.hlc})
            await member.texts_when(texts)
            await member.changes_when()


async def test_a_directory_that_cannot_be_joined_ends_nothing_and_is_filled_once_it_can(
    member: Member, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (member.volume / CONTEXT).symlink_to(tmp_path / "elsewhere")
    await member.serve({"a.txt": "alpha\n"})

    async def is_logged() -> bool:
        return f"{CONTEXT}: a link, a file or a directory is in the way" in member.log.read_text()

    async with running(member):
        await eventually(is_logged)
        (member.volume / CONTEXT).unlink()
        await member.texts_when({"a.txt": "alpha\n"})
        assert (await member.applied()).problems == []
    assert list((tmp_path / "elsewhere").iterdir()) == []
