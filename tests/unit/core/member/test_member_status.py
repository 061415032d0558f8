"""core.member.member_status: what a person reads of a context in a member."""

import pytest

from api.condition import READY, REASON_INVALID_ITEM, STALE, Condition
from api.context_replica import Problem, SiteState
from api.item import ContextType
from api.mcp_context import MCPContext, MCPContextSpec, MCPContextStatus, ReplicaCounts
from api.model import ObjectMeta
from core.member import member_status

HEAD, OLD = "sha256:" + 64 * "a", "sha256:" + 64 * "b"
PAYLOAD, EDITED = "sha256:" + 64 * "c", "sha256:" + 64 * "d"
NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"


def context(status: MCPContextStatus | None = None) -> MCPContext:
    spec = MCPContextSpec(
        mcp_server_name="assistant",
        context_type=ContextType.PROMPTS,
        version=5,
        timestamp=NOW,
        digest=PAYLOAD,
        chain_digest=HEAD,
    )
    metadata = ObjectMeta(name="notes", namespace="prod", generation=7)
    return MCPContext(metadata=metadata, spec=spec, status=status or MCPContextStatus())


def site(
    number: int = 0, version: int = 5, base: str = HEAD, digest: str = PAYLOAD, problems: list[Problem] | None = None
) -> SiteState:
    name = f"pod-{number}"
    return SiteState(
        site=f"east/{name}#0000000{number}",
        pod=name,
        applied_version=version,
        base_digest=base,
        digest=digest,
        problems=problems or [],
    )


def observe(
    *sites: SiteState,
    present: MCPContextStatus | None = None,
    server_exists: bool = True,
    silent: bool = False,
    refusal: Problem | None = None,
    now: str = NOW,
) -> MCPContextStatus:
    return member_status.status(
        context(present), sites, server_exists, now=now, refusal=refusal, control_plane_silent=silent
    )


def condition(status: MCPContextStatus, kind: str = READY) -> Condition:
    return next(each for each in status.conditions if each.type == kind)


def test_all_pods_at_the_revision_is_applied() -> None:
    status = observe(site(0), site(1))
    assert (status.observed_generation, status.observed_version, status.digest) == (7, 5, PAYLOAD)
    assert status.replicas == ReplicaCounts(total=2, applied=2)
    assert condition(status) == Condition(
        type=READY,
        status="True",
        reason="Applied",
        message="all 2 pods serve version 5",
        last_transition_time=NOW,
        observed_generation=7,
    )


def test_the_version_is_that_of_the_pod_that_is_furthest_behind() -> None:
    status = observe(site(0), site(1, version=4, base=OLD))
    assert status.observed_version == 4
    assert status.replicas == ReplicaCounts(total=2, applied=1)
    ready = condition(status)
    assert (ready.status, ready.reason, ready.message) == ("False", "Progressing", "1 of 2 pods serve version 5")


@pytest.mark.parametrize(("version", "base", "applied"), [(5, HEAD, 1), (5, OLD, 0), (4, HEAD, 0), (6, OLD, 1)])
def test_a_pod_has_applied_this_very_revision_or_a_later_one(version: int, base: str, applied: int) -> None:
    assert observe(site(version=version, base=base)).replicas.applied == applied


def test_pods_that_hold_different_content_have_no_common_digest() -> None:
    assert observe(site(0), site(1, digest=EDITED)).digest is None


def test_a_missing_server_is_named_with_what_to_do() -> None:
    ready = condition(observe(server_exists=False))
    assert (ready.status, ready.reason) == ("False", "ServerNotFound")
    assert "'prod' has no Deployment or StatefulSet 'assistant'" in ready.message
    assert "mcpServerName" in ready.message


def test_a_missing_server_is_the_clusters_problem_and_an_existing_one_is_none() -> None:
    (problem,) = member_status.problems(context(), server_exists=False)
    assert problem.reason == "ServerNotFound"
    assert member_status.problems(context(), server_exists=True) == []


def test_a_server_without_a_pod_that_has_reported_is_not_ready() -> None:
    status = observe()
    assert (condition(status).status, condition(status).reason) == ("False", "NoReplicaReady")
    assert (status.observed_version, status.digest, status.replicas.total) == (0, None, 0)


def test_a_pods_problem_is_shown_with_its_pod_and_the_others_are_counted() -> None:
    broken = [Problem(reason=REASON_INVALID_ITEM, message=f"tools/{name}.json:3: no comma", item=name) for name in "ba"]
    ready = condition(observe(site(0), site(1, problems=broken)))
    assert (ready.status, ready.reason) == ("False", "InvalidItem")
    assert ready.message == "pod 'pod-1': tools/a.json:3: no comma (and 1 more)"


def test_changes_that_the_control_plane_refuses_show_with_its_reason() -> None:
    ready = condition(observe(site(), refusal=Problem(reason="PayloadTooLarge", message="2 MiB")))
    assert (ready.status, ready.reason, ready.message) == ("False", "PayloadTooLarge", "2 MiB")


def test_a_silent_control_plane_shows_in_a_condition_of_its_own() -> None:
    status = observe(site(), silent=True)
    assert (condition(status, STALE).status, condition(status, STALE).reason) == ("True", "NotReporting")
    assert condition(status, READY).status == "True"
    assert condition(observe(site()), STALE).status == "False"


def test_an_unchanged_state_gives_an_equal_status_at_any_time() -> None:
    before = observe(site(0), site(1))
    assert observe(site(1), site(0), present=before, now=LATER) == before


def test_a_condition_keeps_its_time_while_its_status_stays_and_foreign_conditions_stay() -> None:
    foreign = Condition(type="Audited", status="True", reason="Yes", message="", last_transition_time=NOW)
    before = observe(site(version=4, base=OLD))
    before = before.model_copy(update={"conditions": [foreign, *before.conditions]})
    still, ready = observe(present=before, now=LATER), observe(site(), present=before, now=LATER)
    assert (condition(still).reason, condition(still).last_transition_time) == ("NoReplicaReady", NOW)
    assert (condition(ready).status, condition(ready).last_transition_time) == ("True", LATER)
    assert foreign in ready.conditions
