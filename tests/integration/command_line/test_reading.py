"""`mcpfed` as people run it: what it answers."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from kube.client import Api
from kube.kinds import (
    CONTEXT_REVISION,
    FEDERATED_CONTEXT,
    NAMESPACE,
)
from tests.support.command_line import Mcpfed, hold
from tests.support.control_plane import declare, until


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


async def test_what_is_not_there_is_reported_in_one_line_with_what_to_do(mcpfed: Mcpfed, demo: str) -> None:
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


async def test_history_shows_who_changed_what_and_when(mcpfed: Mcpfed, demo: str) -> None:
    printed = (await mcpfed("history", demo, "-o", "json")).json["revisions"]
    assert [entry["version"] for entry in printed] == [1, 2, 3]
    assert [entry["items"] for entry in printed] == [
        {"a": "added", "b": "added"},
        {"a": "changed"},
        {"b": "removed", "c": "added"},
    ]
    assert printed[1]["sites"] == ["m1/pod#1"]
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


async def test_a_member_that_holds_another_history_is_printed_by_verify(mcpfed: Mcpfed, plane: Api, demo: str) -> None:
    await hold(plane, demo, version=2, chain_digest="sha256:" + "0" * 64)
    answer = await mcpfed("verify", demo)
    assert answer.code == 1
    assert "m1/pod#1 holds this version with another chainDigest" in answer.out


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


async def test_a_context_that_cannot_be_read_is_shown_and_hinders_no_other(
    mcpfed: Mcpfed, plane: Api, demo: str
) -> None:
    namespace = demo.partition("/")[0]
    item = {"name": "big", "definition": {"maximum": 2**63 - 1}}
    wanted = {"mcpServerName": "s", "contextType": "tools", "contextPayload": {"items": [item]}}
    metadata = {"name": "broken", "namespace": namespace}
    await plane.apply(FEDERATED_CONTEXT, {"metadata": metadata, "spec": wanted}, "tests")
    await until(plane, FEDERATED_CONTEXT, namespace, "broken", lambda c: c.get("status", {}).get("phase") == "Error")
    shown = await mcpfed("status", "-n", namespace)
    assert (shown.code, "InvalidSpec" in shown.out, "item big definition" in shown.out) == (1, True, True)
    assert (await mcpfed("get", demo, "-o", "json")).json["version"] == 3
    listed = await mcpfed("conflicts", "-n", namespace)
    assert listed.code != 2
    assert f"left out: {namespace}/broken cannot be read" in listed.err
    refused = await mcpfed("get", f"{namespace}/broken")
    assert (refused.code, f"error: {namespace}/broken cannot be read" in refused.err) == (2, True)
    await plane.delete(FEDERATED_CONTEXT, namespace, "broken")


async def test_a_watched_status_is_printed_again_whenever_it_changes_until_ctrl_c(
    mcpfed_environment: dict[str, str], plane: Api, demo: str
) -> None:
    namespace = demo.partition("/")[0]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "status", "-w", "-n", namespace, "-o", "json"),
        env=mcpfed_environment,
        stdout=asyncio.subprocess.PIPE,
        # Tests that run in the background of a shell inherit that Ctrl-C is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert json.loads(await process.stdout.readline())["inSync"] is False
        await hold(plane, demo, version=3)
        while not json.loads(await process.stdout.readline())["inSync"]:
            pass
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
