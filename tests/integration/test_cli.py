"""`mcpfed` as people run it, against a real API server and a real federation controller."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.context_replica import SiteState
from api.federated_context import FederatedContext
from api.names import cluster_replica_name, member_namespace
from cli import contexts, proposal
from cli.contexts import Subject
from cli.problem import Problem
from controllers.runtime.client import Api
from controllers.runtime.kinds import (
    CONTEXT_REPLICA,
    CONTEXT_REVISION,
    FEDERATED_CONTEXT,
    MCP_CONTEXT,
    NAMESPACE,
)
from core.confirmation import CONFIRM_ANNOTATION, confirmation
from tests.support.apiserver import ApiServer
from tests.support.control_plane import declare, edit, propose, revisions, served, until
from tests.support.kinds import install, our_crds
from tests.unit.core.past import began


@dataclass(frozen=True)
class Answer:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Mcpfed = Callable[..., Coroutine[Any, Any, Answer]]


@pytest.fixture
def mcpfed_environment(apiserver: ApiServer) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(apiserver.kubeconfig)}


@pytest.fixture
def mcpfed(mcpfed_environment: dict[str, str]) -> Mcpfed:
    """Runs the command line."""

    async def run(*arguments: object) -> Answer:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli.main",
            *map(str, arguments),
            env=mcpfed_environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Answer(process.returncode or 0, out.decode(), err.decode())

    return run


@pytest.fixture
async def demo(plane: Api, namespace: str) -> str:
    """A context with three versions: a and b declared, a edited in the member, c declared instead of b."""
    await declare(plane, namespace, {"a": "1", "b": "1"})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    base = next(item["dot"] for item in first["spec"]["contextPayload"]["items"] if item["name"] == "a")
    await propose(plane, namespace, edit("a", "edited", 9_000, base=base))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c)["a"] == "edited")
    await declare(plane, namespace, {"a": "1", "c": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c).keys() == {"a", "c"})
    return f"{namespace}/demo"


async def test_get_and_show_print_the_payload_or_one_item_as_its_file_is(mcpfed: Mcpfed, demo: str) -> None:
    listed = await mcpfed("get", demo, "-o", "json")
    assert listed.code == 0
    assert (listed.json["version"], listed.json["context"]) == (3, demo)
    item = await mcpfed("get", demo, "a")
    assert json.loads(item.out) == {"definition": {"description": "edited"}}
    assert (await mcpfed("get", demo, "a", "-o", "json")).json == {"name": "a", "definition": {"description": "edited"}}
    assert json.loads((await mcpfed("show", demo, 1, "a")).out) == {"definition": {"description": "1"}}
    table = await mcpfed("show", demo, 1)
    assert "version 1" in table.out
    assert [line.split()[0] for line in table.out.splitlines()[-2:]] == ["a", "b"]


async def test_what_is_not_there_is_said_in_one_line_that_tells_what_to_do(mcpfed: Mcpfed, demo: str) -> None:
    refused: tuple[tuple[tuple[object, ...], str], ...] = (
        (("get", demo, "b"), "was deleted by declared"),
        (("get", demo, "zzz"), "has no item zzz"),
        (("show", demo, 9), "has no version 9: 1 to 3 are retained"),
        (("get", "nowhere/demo"), "no FederatedContext demo in namespace nowhere: `mcpfed status` lists them"),
        (("diff", demo), "give v1 (and v2)"),
        (("resolve", demo, "a"), "give one of --keep, --take-lost and --file"),
        (("resolve", demo, "a", "--keep"), "no conflict of item a is open"),
        (("rollback", demo, 1), "add --yes"),
        (("verify", "--file", "/nowhere.json"), "No such file"),
    )
    answers = await asyncio.gather(*(mcpfed(*arguments) for arguments, _ in refused))
    for answer, (_, expected) in zip(answers, refused, strict=True):
        assert answer.code == 2, answer
        assert answer.err.splitlines()[-1].startswith("error: ")
        assert expected.lower() in answer.err.lower()


async def test_a_bare_name_is_found_where_it_is_unambiguous_and_otherwise_the_candidates_are_listed(
    mcpfed: Mcpfed, api: Api, demo: str
) -> None:
    namespace = demo.partition("/")[0]
    assert (await mcpfed("get", "demo", "-n", namespace)).code == 0
    other = f"{namespace}-other"
    await api.create(NAMESPACE, {"metadata": {"name": other}})
    await declare(api, other, {"a": "1"})
    ambiguous = await mcpfed("get", "demo")
    assert ambiguous.code == 2
    assert demo in ambiguous.err
    assert f"{other}/demo" in ambiguous.err
    spec = {"mcpServerName": "s", "contextType": "tools"}
    await api.apply(FEDERATED_CONTEXT, {"metadata": {"name": other, "namespace": other}, "spec": spec}, "tests")
    await until(api, CONTEXT_REVISION, other, f"{other}-0000000001", bool)
    assert (await mcpfed("get", other)).code == 0


async def test_history_tells_who_changed_what_and_when(mcpfed: Mcpfed, demo: str) -> None:
    told = (await mcpfed("history", demo, "-o", "json")).json["revisions"]
    assert [entry["version"] for entry in told] == [1, 2, 3]
    assert [entry["items"] for entry in told] == [
        {"a": "added", "b": "added"},
        {"a": "changed"},
        {"b": "removed", "c": "added"},
    ]
    assert told[1]["sites"] == ["m1/pod#1"]
    newest = (await mcpfed("history", demo)).out.splitlines()[1]
    assert newest.startswith("3 ")
    assert "-b +c" in newest
    versions = (await mcpfed("history", demo, "b", "-o", "json")).json["versions"]
    assert [(version["version"], version["deleted"]) for version in versions] == [(1, False), (3, True)]


async def test_diff_compares_versions_the_declaration_and_what_a_cluster_holds(
    mcpfed: Mcpfed, plane: Api, demo: str
) -> None:
    between = await mcpfed("diff", demo, 1, 2)
    assert between.code == 1
    assert '-    "description": "1"' in between.out
    assert '+    "description": "edited"' in between.out
    assert (await mcpfed("diff", demo, 3)).code == 0
    declared = await mcpfed("diff", demo, "--declared", "-o", "json")
    (comparison,) = declared.json["comparisons"]
    assert [(item["name"], item["change"]) for item in comparison["items"]] == [("a", "changed")]
    await hold(plane, demo, version=2)
    member = await mcpfed("diff", demo, "--member", "m1", "-o", "json")
    (comparison,) = member.json["comparisons"]
    assert {item["name"]: item["change"] for item in comparison["items"]} == {"b": "added", "c": "removed"}
    assert (comparison["to"], comparison["remark"]) == ("m1/pod#1", "")


async def test_a_rollback_is_a_new_version_with_old_content_and_its_proposal_is_gone_afterwards(
    mcpfed: Mcpfed, plane: Api, demo: str
) -> None:
    namespace = demo.partition("/")[0]
    rolled = await mcpfed("rollback", demo, 1, "--yes", "-o", "json")
    assert (rolled.code, rolled.json["version"], rolled.json["items"]) == (0, 4, ["a", "b", "c"]), rolled
    first, *_, last = await revisions(plane, namespace)
    assert last.spec.digest == first.spec.digest
    assert last.spec.version == 4
    (cause,) = last.spec.cause
    assert cause.site.startswith("operator/admin#")
    again = await mcpfed("rollback", demo, 1, "--yes", "-o", "json")
    assert (again.code, again.json["items"]) == (0, [])
    await until_no_operator(plane, namespace)


async def test_a_rollback_can_be_of_some_items_only(mcpfed: Mcpfed, plane: Api, demo: str) -> None:
    rolled = await mcpfed("rollback", demo, 1, "--item", "[b]*", "--yes")
    assert (rolled.code, rolled.out) == (0, "4\n"), rolled
    projected = await until(plane, MCP_CONTEXT, demo.partition("/")[0], "demo", lambda c: c["spec"]["version"] == 4)
    assert served(projected) == {"a": "edited", "b": "1", "c": "1"}


async def test_waiting_ends_when_every_cluster_serves_the_new_version(mcpfed: Mcpfed, plane: Api, demo: str) -> None:
    namespace = demo.partition("/")[0]
    command = asyncio.create_task(mcpfed("rollback", demo, 1, "--yes", "--wait", "-o", "json"))
    await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: c["status"]["version"] == 4)
    assert not command.done()
    await hold(plane, demo, version=4)
    answer = await command
    assert (answer.code, answer.json["applied"]) == (0, True), answer


async def test_nothing_is_proposed_to_a_suspended_context(mcpfed: Mcpfed, plane: Api, demo: str) -> None:
    namespace = demo.partition("/")[0]
    await declare(plane, namespace, {"a": "1", "c": "1"}, suspended=True)
    answer = await mcpfed("rollback", demo, 1, "--yes")
    assert answer.code == 2
    assert "is suspended" in answer.err
    await until_no_operator(plane, namespace)


async def test_an_open_conflict_is_listed_with_both_contents_and_resolved_by_keeping(
    mcpfed: Mcpfed, plane: Api, namespace: str
) -> None:
    demo = await in_conflict(plane, namespace, "Manual")
    listed = await mcpfed("conflicts", demo)
    assert listed.code == 1
    assert "open" in listed.out
    assert '-    "description": "first"' in listed.out
    assert '+    "description": "second"' in listed.out
    status = await mcpfed("status", "-n", namespace)
    assert (status.code, "1 open" in status.out) == (1, True)
    kept = await mcpfed("resolve", demo, "a", "--keep", "-o", "json")
    assert (kept.code, kept.json["lost"]) == (0, []), kept
    after = await mcpfed("conflicts", demo, "-o", "json")
    assert (after.code, [conflict["state"] for conflict in after.json["conflicts"]]) == (0, ["resolved"])
    projected = await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: c["spec"]["version"] == 4)
    assert served(projected)["a"] == "first"


async def test_what_was_lost_is_restored_whether_the_conflict_is_open_or_not(
    mcpfed: Mcpfed, plane: Api, namespace: str
) -> None:
    demo = await in_conflict(plane, namespace, "ControlPlaneWins")
    (conflict,) = (await mcpfed("conflicts", demo, "-o", "json")).json["conflicts"]
    assert conflict["state"] == "recorded"
    assert conflict["keptContent"]["definition"]["description"] == "first"
    assert (await mcpfed("resolve", demo, "a", "--take-lost", "--dot", conflict["lostDot"])).code == 0
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c)["a"] == "second")


async def test_a_conflict_is_resolved_with_a_file_and_an_unsound_file_is_refused(
    mcpfed: Mcpfed, plane: Api, namespace: str, tmp_path: Path
) -> None:
    demo = await in_conflict(plane, namespace, "Manual")
    file = tmp_path / "a.json"
    file.write_text("{")
    refused = await mcpfed("resolve", demo, "a", "--file", file)
    assert (refused.code, "not JSON" in refused.err) == (2, True)
    file.write_text(json.dumps({"definition": {"name": "a", "description": "both", "inputSchema": {"type": "object"}}}))
    assert (await mcpfed("resolve", demo, "a", "--file", file)).code == 0
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c)["a"] == "both")
    assert (await mcpfed("conflicts", demo)).code == 0


async def test_a_history_is_verified_online_and_offline_and_tampering_is_found(
    mcpfed: Mcpfed, plane: Api, demo: str, tmp_path: Path
) -> None:
    namespace = demo.partition("/")[0]
    await hold(plane, demo, version=2)
    online = await mcpfed("verify", demo, "-o", "json")
    (report,) = online.json["contexts"]
    assert (online.code, report["flaws"], report["versions"]) == (0, [], [1, 2, 3])
    assert report["anchors"] >= 1
    dump: dict[str, Any] = {"apiVersion": "v1", "kind": "List", "items": await plane.list(CONTEXT_REVISION, namespace)}
    file = tmp_path / "dump.json"
    file.write_text(json.dumps(dump))
    offline = await mcpfed("verify", "--file", file, "--kubeconfig", tmp_path / "none")
    assert (offline.code, "versions 1 to 3 are as they were committed" in offline.out) == (0, True), offline
    dump["items"][1]["spec"]["items"][0]["content"]["definition"]["description"] = "forged"
    file.write_text(json.dumps(dump))
    forged = await mcpfed("verify", "--file", file)
    assert (forged.code, forged.out) == (1, f"{demo} version 2: item a: digest is not its content's\n")


async def test_a_member_that_holds_another_history_is_told_by_verify(mcpfed: Mcpfed, plane: Api, demo: str) -> None:
    await hold(plane, demo, version=2, chain_digest="sha256:" + "0" * 64)
    answer = await mcpfed("verify", demo)
    assert answer.code == 1
    assert "m1/pod#1 holds this version with another chainDigest" in answer.out


async def test_a_person_whose_change_was_kept_out_by_one_made_at_the_same_time_is_told(
    plane: Api, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "1"}, conflictPolicy={"default": "Manual"})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    seen = await contexts.read(plane, f"{namespace}/demo", None)
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    await propose(plane, namespace, edit("a", "meanwhile", 9_000, base=base))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c)["a"] == "meanwhile")
    decision = await proposal.propose(plane, seen, {"a": None})
    assert [(record.item, record.kept.site) for record in decision.lost] == [("a", "m1/pod#1")]


async def test_what_nobody_decides_stays_proposed_and_the_person_is_told_where(
    api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(api, *our_crds())
    await declare(api, namespace, {"a": "1"})
    raw = await api.get(FEDERATED_CONTEXT, namespace, "demo")
    context, history = FederatedContext.parse(raw or {}), began(a="1")
    monkeypatch.setattr(proposal, "DECISION_SECONDS", 0.5)
    with pytest.raises(Problem, match="is the federation controller running") as told:
        await proposal.propose(api, Subject(context, history), {"a": None})
    (replica,) = await api.list(CONTEXT_REPLICA, namespace)
    assert replica["metadata"]["name"] in str(told.value)
    assert replica["spec"]["sites"][0]["changes"][0]["deleted"]


async def test_what_halted_a_cluster_is_confirmed_for_exactly_what_it_would_publish(
    mcpfed: Mcpfed, plane: Api, demo: str
) -> None:
    namespace, _, name = demo.partition("/")
    nothing = await mcpfed("confirm", demo, "m1", "--yes")
    assert (nothing.code, "has not halted" in nothing.err) == (2, True)
    problem = {"reason": "Halted", "message": "2 items vanished"}
    digest = "sha256:" + "0" * 64
    wire = {"site": "m1/pod#1", "pod": "pod", "digest": digest, "problems": [problem]}
    spec = {"context": name, "contextNamespace": namespace, "cluster": "m1", "sites": [wire]}
    key = (member_namespace("m1"), cluster_replica_name(namespace, name))
    metadata = {"namespace": key[0], "name": key[1]}
    await plane.apply(CONTEXT_REPLICA, {"metadata": metadata, "spec": spec}, "tests", force=True)
    unasked = await mcpfed("confirm", demo, "m1")
    assert (unasked.code, "add --yes" in unasked.err, "2 items vanished" in unasked.err) == (2, True, True)
    confirmed = await mcpfed("confirm", demo, "m1", "--yes", "-o", "json")
    assert (confirmed.code, confirmed.json["confirmed"]) == (0, ["m1/pod#1"])
    stored = await plane.get(CONTEXT_REPLICA, *key)
    assert stored is not None
    assert stored["metadata"]["annotations"][CONFIRM_ANNOTATION] == confirmation([SiteState.model_validate(wire)])


async def test_without_a_control_plane_the_exit_code_is_2(mcpfed: Mcpfed, tmp_path: Path) -> None:
    answer = await mcpfed("status", "--kubeconfig", tmp_path / "none")
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith("error: ")


async def test_status_is_in_sync_only_when_every_cluster_serves_the_head(mcpfed: Mcpfed, plane: Api, demo: str) -> None:
    namespace = demo.partition("/")[0]
    pending = await mcpfed("status", "-n", namespace, "-o", "json")
    assert (pending.code, pending.json["inSync"]) == (1, False)
    await hold(plane, demo, version=3)
    await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: c["status"]["phase"] == "Applied")
    applied = await mcpfed("status", "-n", namespace)
    assert (applied.code, "Applied" in applied.out) == (0, True)


async def test_a_watched_status_is_told_again_whenever_it_changes_until_ctrl_c(
    mcpfed_environment: dict[str, str], plane: Api, demo: str
) -> None:
    namespace = demo.partition("/")[0]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "status", "-w", "-n", namespace, "-o", "json"),
        env=mcpfed_environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert json.loads(await process.stdout.readline())["inSync"] is False
        await hold(plane, demo, version=3)
        while not json.loads(await process.stdout.readline())["inSync"]:
            pass
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130


async def hold(plane: Api, demo: str, version: int, chain_digest: str | None = None) -> None:
    """Lets the member say that it has applied a version."""
    namespace, _, name = demo.partition("/")
    revision = next(r.spec for r in await revisions(plane, namespace) if r.spec.version == version)
    site = {
        "site": "m1/pod#1",
        "pod": "pod",
        "baseVersion": version,
        "baseDigest": chain_digest or revision.chain_digest,
        "appliedVersion": version,
        "digest": revision.digest,
    }
    spec = {"context": name, "contextNamespace": namespace, "cluster": "m1", "sites": [site]}
    metadata = {"name": cluster_replica_name(namespace, name), "namespace": member_namespace("m1")}
    await plane.apply(CONTEXT_REPLICA, {"metadata": metadata, "spec": spec}, "tests", force=True)


async def in_conflict(plane: Api, namespace: str, policy: str) -> str:
    """Version 2 has one pod's change of a; in version 3 another pod's, which had not seen it, has lost."""
    await declare(plane, namespace, {"a": "1"}, conflictPolicy={"default": policy})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    await propose(plane, namespace, edit("a", "first", 9_000, base=base))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c)["a"] == "first")
    other = edit("a", "second", 9_001, site="m1/pod#2", base=base)
    site = {"site": "m1/pod#2", "pod": "pod", "changes": [other]}
    spec = {"context": "demo", "contextNamespace": namespace, "cluster": "m1", "sites": [site]}
    metadata = {"name": cluster_replica_name(namespace, "demo"), "namespace": member_namespace("m1")}
    await plane.apply(CONTEXT_REPLICA, {"metadata": metadata, "spec": spec}, "tests", force=True)
    await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: c["status"]["version"] == 3)
    return f"{namespace}/demo"


async def until_no_operator(plane: Api, namespace: str) -> None:
    async with asyncio.timeout(10):
        while await plane.list(CONTEXT_REPLICA, namespace):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
