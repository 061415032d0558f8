"""`mcpfed` as people run it: what it changes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from api.context_replica import SiteState
from api.federated_context import FederatedContext
from api.names import cluster_replica_name, member_namespace
from cli import proposal
from cli.problem import Problem
from cli.subject import Subject, read
from core.inspection.confirm import CONFIRM_ANNOTATION, confirmation
from kube.client import Api
from kube.kinds import (
    CONTEXT_REPLICA,
    FEDERATED_CONTEXT,
    MCP_CONTEXT,
)
from tests.support.command_line import Mcpfed, hold, in_conflict, until_no_operator
from tests.support.control_plane import declare, edit, propose, revisions, served, until
from tests.support.kinds import install, our_crds
from tests.unit.core.past import began


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


async def test_a_person_whose_change_was_kept_out_by_one_made_at_the_same_time_is_raised(
    plane: Api, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "1"}, conflictPolicy={"default": "Manual"})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    seen = await read(plane, f"{namespace}/demo", None)
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    await propose(plane, namespace, edit("a", "meanwhile", 9_000, base=base))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c)["a"] == "meanwhile")
    decision = await proposal.propose(plane, seen, {"a": None})
    assert [(record.item, record.kept.site) for record in decision.lost] == [("a", "m1/pod#1")]


async def test_what_nobody_decides_stays_proposed_and_the_message_says_where(
    api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(api, *our_crds())
    await declare(api, namespace, {"a": "1"})
    raw = await api.get(FEDERATED_CONTEXT, namespace, "demo")
    context, history = FederatedContext.parse(raw or {}), began(a="1")
    monkeypatch.setattr(proposal, "DECISION_SECONDS", 0.5)
    with pytest.raises(Problem, match="is the federation controller running") as raised:
        await proposal.propose(api, Subject(context, history), {"a": None})
    (replica,) = await api.list(CONTEXT_REPLICA, namespace)
    assert replica["metadata"]["name"] in str(raised.value)
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
