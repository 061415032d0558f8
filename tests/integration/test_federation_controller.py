"""The federation controller as a real process on a real API server; Karmada's kinds are stand-ins here."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from api.context_revision import ContextRevisionSpec
from api.names import CONTEXT_LABEL, cluster_replica_name, member_credential
from controllers.federation.caches import ControlPlaneCaches
from controllers.federation.commits import Committer
from controllers.federation.gather import gather
from controllers.wall_clock import utc_now
from core.hub.decide import kind_of
from core.values import clock
from core.values.chain import chain_digest
from kube.client import Api
from kube.controller import Waiting
from kube.errors import Forbidden
from kube.kinds import (
    CLUSTER,
    CLUSTER_OVERRIDE_POLICY,
    CONFIG_MAP,
    CONTEXT_REPLICA,
    CONTEXT_REVISION,
    FEDERATED_CONTEXT,
    MCP_CONTEXT,
    PROPAGATION_POLICY,
    SECRET,
    Object,
    ObjectKey,
)
from kube.reflector import Reflector
from tests.support.apiserver import ApiServer
from tests.support.control_plane import (
    SITE,
    controller,
    declare,
    edit,
    gone,
    propose,
    revisions,
    served,
    status,
    until,
)
from tests.support.kinds import install, karmada_stand_ins, our_crds


async def test_a_declaration_becomes_a_revision_an_mcp_context_and_a_policy(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"})
    projected = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    assert served(projected) == {"a": "1"}
    assert projected["metadata"]["labels"][CONTEXT_LABEL] == "demo"
    await until(plane, PROPAGATION_POLICY, namespace, "mcpfed-demo", bool)
    found = status(await until(plane, FEDERATED_CONTEXT, namespace, "demo", status))
    assert (found["phase"], found["version"], found["lastWriter"]) == ("Pending", 1, "declared")
    assert found["digest"] == projected["spec"]["digest"]


async def test_a_member_edit_is_committed_and_projected_and_the_declaration_stays_untouched(
    plane: Api, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "1"})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    before = (await until(plane, FEDERATED_CONTEXT, namespace, "demo", bool))["metadata"]["generation"]
    await propose(plane, namespace, edit("a", "edited", 9_000, base=base), edit("b", "new", 9_001))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "edited", "b": "new"})
    context = await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: status(c).get("version") == 2)
    assert context["status"]["lastWriter"] == SITE
    assert context["metadata"]["generation"] == before
    name = cluster_replica_name(namespace, "demo")
    replica = await until(plane, CONTEXT_REPLICA, "mcpfed-m1", name, lambda r: r.get("status", {}).get("decided"))
    assert replica["status"]["decided"] == [{"site": SITE, "hlc": clock.encode(9_001)}]
    outcomes = [(each["item"], each["outcome"], each["version"]) for each in replica["status"]["outcomes"]]
    assert outcomes == [("a", "Accepted", 2), ("b", "Accepted", 2)]


async def test_a_context_is_applied_once_the_member_reports_it(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    await propose(plane, namespace, applied=1)
    applied = await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: status(c).get("phase") == "Applied")
    assert applied["status"]["clusters"] == {"total": 1, "applied": 1, "pending": 0, "failed": 0, "stale": 0}
    assert applied["status"]["observedGeneration"] == applied["metadata"]["generation"]


async def test_a_member_has_no_say_in_a_context_that_is_not_placed_on_it(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"}, clusters=["elsewhere"])
    await propose(plane, namespace, edit("a", "intruder", 9_000))
    await declare(plane, namespace, {"a": "2"}, clusters=["elsewhere"])
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "2"})
    assert {kind_of(cause.site) for r in await revisions(plane, namespace) for cause in r.spec.cause} == {"declared"}
    found = status(await until(plane, FEDERATED_CONTEXT, namespace, "demo", status))
    assert found["exceptions"][0]["reason"] == "ClusterNotFound"


async def test_two_instances_commit_without_gaps_and_without_losing_a_change(
    plane: Api, credential: Path, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "0"}, history={"revisions": 100})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    async with controller(credential):
        for number in range(1, 16):
            await asyncio.gather(
                declare(plane, namespace, {"a": str(number)}, history={"revisions": 100}),
                propose(plane, namespace, edit(f"b{number}", "x", 9_000 + number)),
            )
        await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c).get("a") == "15" and "b15" in served(c))
    history = await revisions(plane, namespace)
    assert [r.spec.version for r in history] == list(range(1, len(history) + 1))
    for before, after in pairwise(history):
        assert after.spec.parent == before.spec.chain_digest == chain_digest(before.spec)


async def test_a_killed_controller_resumes_where_it_was(api: Api, credential: Path, namespace: str) -> None:
    await install(api, *our_crds(), *karmada_stand_ins())
    async with controller(credential) as first:
        await declare(api, namespace, {"a": "1"})
        await until(api, CONTEXT_REVISION, namespace, "demo-0000000001", bool)
        first.kill()
    await declare(api, namespace, {"a": "2"})
    async with controller(credential):
        await until(api, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "2"})
    assert [r.spec.version for r in await revisions(api, namespace)] == [1, 2]


async def test_history_is_pruned_to_what_the_context_retains(plane: Api, namespace: str) -> None:
    for number in range(6):
        await declare(plane, namespace, {"a": str(number)}, history={"revisions": 3})
        await until(plane, MCP_CONTEXT, namespace, "demo", lambda c, n=number: served(c) == {"a": str(n)})
    await gone(plane, CONTEXT_REVISION, namespace, "demo-0000000003")
    assert [r.spec.version for r in await revisions(plane, namespace)] == [4, 5, 6]


async def test_a_payload_over_the_limit_stalls_the_context_and_members_keep_the_last_good_version(
    plane: Api, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    await declare(plane, namespace, {"a": "x" * 300_000})
    failed = await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: status(c).get("phase") == "Error")
    stalled = next(c for c in failed["status"]["conditions"] if c["type"] == "Stalled")
    assert stalled["reason"] == "PayloadTooLarge"
    assert served(await until(plane, MCP_CONTEXT, namespace, "demo", bool)) == {"a": "1"}


async def test_member_changes_that_do_not_fit_stay_undecided_and_are_reported_and_others_go_on(
    plane: Api, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    await propose(plane, namespace, edit("big", "x" * 300_000, 9_000), applied=1)
    await declare(plane, namespace, {"a": "2"})
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "2"})
    failed = await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: status(c).get("phase") == "Error")
    (exception,) = status(failed)["exceptions"]
    assert (exception["cluster"], exception["reason"]) == ("m1", "PayloadTooLarge")
    assert "big" in exception["message"]
    await propose(plane, namespace, edit("big", "small", 9_001), applied=2)
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "2", "big": "small"})


async def test_a_declaration_that_cannot_be_read_is_reported_with_item_and_field_and_stops_nothing_else(
    plane: Api, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: status(c).get("version") == 1)
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 2**63 - 1}}}
    item = {"name": "big", "definition": {"inputSchema": schema}}
    wanted = {"mcpServerName": "s", "contextType": "tools", "contextPayload": {"items": [item]}}
    metadata = {"name": "demo", "namespace": namespace}
    await plane.apply(FEDERATED_CONTEXT, {"metadata": metadata, "spec": wanted}, "tests", force=True)
    stalled = await until(
        plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: reasons(c).get("Stalled") == "InvalidSpec"
    )
    assert (status(stalled)["phase"], status(stalled)["version"]) == ("Error", 1)
    assert status(stalled)["observedGeneration"] == stalled["metadata"]["generation"]
    message = next(one["message"] for one in status(stalled)["conditions"] if one["type"] == "Stalled")
    assert "item big definition" in message
    await declare(plane, namespace, {"a": "2"})
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "2"})
    await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: "InvalidSpec" not in reasons(c).values())


def reasons(context: Object) -> dict[str, str]:
    """Of the conditions that hold, by type."""
    return {one["type"]: one["reason"] for one in status(context).get("conditions", []) if one["status"] == "True"}


async def test_a_suspended_context_waits_and_goes_on_when_it_is_resumed(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    await declare(plane, namespace, {"a": "2"}, suspended=True)
    await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: status(c).get("observedGeneration") == 2)
    assert served(await until(plane, MCP_CONTEXT, namespace, "demo", bool)) == {"a": "1"}
    await declare(plane, namespace, {"a": "2"})
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "2"})


async def test_an_edit_of_what_was_projected_is_put_right(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    await plane.patch(MCP_CONTEXT, namespace, "demo", {"spec": {"mcpServerName": "hijacked"}})
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: c["spec"]["mcpServerName"] == "s")
    await plane.delete(PROPAGATION_POLICY, namespace, "mcpfed-demo")
    await until(plane, PROPAGATION_POLICY, namespace, "mcpfed-demo", bool)


async def test_the_replicas_of_a_deleted_context_are_removed(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    await propose(plane, namespace, applied=1)
    await plane.delete(FEDERATED_CONTEXT, namespace, "demo")
    await gone(plane, CONTEXT_REPLICA, "mcpfed-m1", cluster_replica_name(namespace, "demo"))


async def test_a_persons_change_is_committed_and_its_proposal_removed(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    site = "operator/ann#1"
    change = edit("a", "by hand", int(time.time() * 1000), site, base)
    spec = {"context": "demo", "contextNamespace": namespace, "sites": [{"site": site, "changes": [change]}]}
    await plane.apply(CONTEXT_REPLICA, {"metadata": {"name": "ann", "namespace": namespace}, "spec": spec}, "tests")
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "by hand"})
    await gone(plane, CONTEXT_REPLICA, namespace, "ann")


async def test_a_replica_in_the_contexts_namespace_that_claims_to_be_a_member_has_no_say(
    plane: Api, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    spec = {"context": "demo", "contextNamespace": namespace, "sites": [{"site": SITE, "changes": [edit("a", "x", 9)]}]}
    await plane.apply(CONTEXT_REPLICA, {"metadata": {"name": "fake", "namespace": namespace}, "spec": spec}, "tests")
    await declare(plane, namespace, {"a": "2"})
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "2"})
    assert {kind_of(cause.site) for r in await revisions(plane, namespace) for cause in r.spec.cause} == {"declared"}


async def test_a_member_that_names_a_site_of_another_cluster_is_ignored(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    await propose(plane, namespace, edit("a", "forged", 9_000, site="m2/pod#1"), site="m2/pod#1")
    await declare(plane, namespace, {"a": "2"})
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "2"})
    assert {kind_of(cause.site) for r in await revisions(plane, namespace) for cause in r.spec.cause} == {"declared"}


async def test_two_sides_of_one_text_are_merged(plane: Api, namespace: str) -> None:
    text = {"name": "notes.md", "definition": {"uri": "notes://a"}, "text": "one\ntwo\nthree\nfour\nfive\n"}
    spec = {"mcpServerName": "s", "contextType": "resources", "contextPayload": {"items": [text]}}
    await plane.apply(FEDERATED_CONTEXT, {"metadata": {"name": "demo", "namespace": namespace}, "spec": spec}, "tests")
    first = await until(plane, MCP_CONTEXT, namespace, "demo", bool)
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    edited = edit("notes.md", "", 9_000, base=base)
    edited["content"] = {"definition": {"uri": "notes://a"}, "text": "one\ntwo\nthree\nfour\nFIVE\n"}
    text["text"] = "ONE\ntwo\nthree\nfour\nfive\n"
    await propose(plane, namespace, edited)
    await plane.apply(FEDERATED_CONTEXT, {"metadata": {"name": "demo", "namespace": namespace}, "spec": spec}, "tests")
    both = "ONE\ntwo\nthree\nfour\nFIVE\n"
    await until(
        plane, MCP_CONTEXT, namespace, "demo", lambda c: c["spec"]["contextPayload"]["items"][0]["text"] == both
    )


async def test_a_store_that_lost_revisions_takes_them_back_from_a_member(
    plane: Api, credential: Path, namespace: str
) -> None:
    await declare(plane, namespace, {"a": "1"})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    await propose(plane, namespace, edit("a", "newest", 9_000, base=base))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "newest"})
    lost = (await revisions(plane, namespace))[-1].spec
    await propose(plane, namespace)
    # As a restore from a backup would leave it: the newest revision and what was projected from it are gone.
    await plane.delete(CONTEXT_REVISION, namespace, "demo-0000000002")
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "1"})
    site: Object = {"site": SITE, "pod": "pod", "appliedVersion": 2, "baseVersion": 2, "baseDigest": lost.chain_digest}
    spec = {"context": "demo", "contextNamespace": namespace, "cluster": "m1", "sites": [site]}
    metadata = {"name": cluster_replica_name(namespace, "demo"), "namespace": "mcpfed-m1"}
    await plane.apply(CONTEXT_REPLICA, {"metadata": metadata, "spec": spec}, "tests", force=True)
    name = metadata["name"]
    await until(plane, CONTEXT_REPLICA, "mcpfed-m1", name, lambda r: status(r).get("inventoryWanted") == [SITE])
    await hold(plane, namespace, lost)
    after = await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "newest"})
    assert (after["spec"]["epoch"], after["spec"]["version"]) == (1, 3)


async def test_what_is_stored_is_not_recovered_by_an_instance_that_does_not_know_it_yet(
    plane: Api, namespace: str
) -> None:
    key, caches = ObjectKey(namespace, "demo"), ControlPlaneCaches(plane)
    await declare(plane, namespace, {"a": "1"})
    first = await until(plane, MCP_CONTEXT, namespace, "demo", served)
    async with following(caches.revisions):
        pass  # and from now on it is behind
    base = first["spec"]["contextPayload"]["items"][0]["dot"]
    await propose(plane, namespace, edit("a", "newest", 9_000, base=base))
    await until(plane, MCP_CONTEXT, namespace, "demo", lambda c: served(c) == {"a": "newest"})
    newest = (await revisions(plane, namespace))[-1].spec
    await hold(plane, namespace, newest)
    async with following(*(each for each in caches.reflectors if each is not caches.revisions)):
        observed = gather(caches, key)
    assert observed is not None
    assert [known.version for known in observed.history] == [1]
    with pytest.raises(Waiting, match="newer revisions are stored"):
        await Committer(caches, utc_now, lambda: "0000000f").commit(observed)
    assert (await revisions(plane, namespace))[-1].spec == newest


@asynccontextmanager
async def following(*reflectors: Reflector) -> AsyncGenerator[None]:
    """With caches that are whole, and follow their collections until the end of the block."""
    running = [asyncio.create_task(reflector.run()) for reflector in reflectors]
    try:
        await asyncio.wait_for(asyncio.gather(*(reflector.synced.wait() for reflector in reflectors)), 20)
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def hold(plane: Api, namespace: str, revision: ContextRevisionSpec) -> None:
    """The member reports that its pod has applied a revision, and hands over all of it."""
    inventory = {
        "epoch": revision.epoch,
        "version": revision.version,
        "chainDigest": revision.chain_digest,
        "versionVector": revision.version_vector,
        "items": [item.wire() for item in revision.items],
    }
    applied = {"appliedVersion": revision.version, "baseVersion": revision.version, "baseDigest": revision.chain_digest}
    site = {"site": SITE, "pod": "pod", **applied, "inventory": inventory}
    spec = {"context": "demo", "contextNamespace": namespace, "cluster": "m1", "sites": [site]}
    metadata = {"name": cluster_replica_name(namespace, "demo"), "namespace": "mcpfed-m1"}
    await plane.apply(CONTEXT_REPLICA, {"metadata": metadata, "spec": spec}, "tests", force=True)


async def test_a_steady_state_writes_nothing(plane: Api, namespace: str) -> None:
    await declare(plane, namespace, {"a": "1"})
    await until(plane, MCP_CONTEXT, namespace, "demo", served)
    await propose(plane, namespace, applied=1)
    await until(plane, FEDERATED_CONTEXT, namespace, "demo", lambda c: status(c).get("phase") == "Applied")
    before = await settled(plane)
    await plane.patch(CLUSTER, None, "m1", {"status": {"heartbeat": "1"}}, subresource="status")
    assert await settled(plane) == before


async def settled(api: Api) -> list[str]:
    """The store's version for each kind that the controller writes, once two readings a second apart agree."""
    kinds = (FEDERATED_CONTEXT, CONTEXT_REVISION, MCP_CONTEXT, PROPAGATION_POLICY, CONTEXT_REPLICA, SECRET)

    async def read() -> list[str]:
        listed = [await api.list(kind) for kind in kinds]
        return sorted(str(obj["metadata"]["resourceVersion"]) for objects in listed for obj in objects)

    async with asyncio.timeout(20):
        last: list[str] = []
        while (now := await read()) != last:
            last = now
            await asyncio.sleep(1)
        return now


async def test_a_member_gets_a_credential_that_lets_it_write_its_own_replicas_and_nothing_else(
    plane: Api, apiserver: ApiServer, namespace: str
) -> None:
    secret = await until(plane, SECRET, "mcpfed-system", member_credential("m1"), bool)
    policy = await until(plane, PROPAGATION_POLICY, "mcpfed-system", member_credential("m1"), bool)
    assert policy["spec"]["placement"]["clusterAffinity"]["clusterNames"] == ["m1"]
    token = base64.b64decode(secret["data"]["token"]).decode()
    async with await Api.from_kubeconfig(apiserver.kubeconfig_for(token=token)) as member:
        await propose(member, namespace)
        for refused in (
            member.list(CONTEXT_REPLICA, "mcpfed-m2"),
            member.list(FEDERATED_CONTEXT),
            member.list(SECRET, "mcpfed-system"),
            member.create(CONFIG_MAP, {"metadata": {"name": "x", "namespace": "mcpfed-m1"}}),
        ):
            with pytest.raises(Forbidden):
                await refused


async def test_a_removed_member_loses_its_credential_and_its_name(plane: Api) -> None:
    await plane.apply(CLUSTER, {"metadata": {"name": "m2"}, "spec": {}}, "tests")
    await until(plane, SECRET, "mcpfed-system", member_credential("m2"), bool)
    await until(plane, CLUSTER_OVERRIDE_POLICY, None, "mcpfed-identity", lambda p: len(p["spec"]["overrideRules"]) == 2)
    await plane.delete(CLUSTER, None, "m2")
    await gone(plane, SECRET, "mcpfed-system", member_credential("m2"))
    await until(plane, CLUSTER_OVERRIDE_POLICY, None, "mcpfed-identity", lambda p: len(p["spec"]["overrideRules"]) == 1)
