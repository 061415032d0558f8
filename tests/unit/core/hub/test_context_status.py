"""The status says whether a context is in sync everywhere and, where it is not, why and since when."""

from typing import Any

import pytest

from api.context_replica import ContextReplicaSpec
from api.federated_context import FederatedContextStatus, Phase
from core.hub.cluster_state import MemberView
from core.hub.context_status import SpecProblem, context_status
from tests.unit.core.scene import advance, change, context, dot, payload

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"
HEAD = advance(None, [], declared=payload(a="1"))
assert HEAD is not None


def replica(applied: int, **more: Any) -> ContextReplicaSpec:
    site = {"site": "m1/p#1", "pod": "p", "appliedVersion": applied, **more}
    return ContextReplicaSpec.model_validate({"context": "demo", "sites": [site]})


def status(*members: MemberView, problem: SpecProblem | None = None, now: str = NOW) -> FederatedContextStatus:
    assert HEAD is not None
    return context_status(context(), [HEAD], members, problem, now)


def condition(found: FederatedContextStatus, kind: str) -> tuple[str, str]:
    return next((c.status, c.reason) for c in found.conditions if c.type == kind)


def test_a_context_that_every_cluster_serves_is_applied() -> None:
    found = status(MemberView("m1", replica=replica(1)), MemberView("m2", replica=replica(2)))
    assert found.phase is Phase.APPLIED
    assert found.applied == "2/2"
    assert condition(found, "Ready") == ("True", "Applied")
    assert found.exceptions == []


def test_a_context_on_its_way_is_pending() -> None:
    found = status(MemberView("m1", replica=replica(1)), MemberView("m2", replica=replica(0)))
    assert (found.phase, found.applied) == (Phase.PENDING, "1/2")
    assert condition(found, "Reconciling") == ("True", "Progressing")


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (MemberView("m9", registered=False), "ClusterNotFound"),
        (
            MemberView("m1", replica=replica(1, problems=[{"reason": "InvalidItem", "message": "tools/a.json:3"}])),
            "InvalidItem",
        ),
        (MemberView("m1", propagation_error="denied by webhook"), "PropagationFailed"),
        (
            MemberView("m1", replica=ContextReplicaSpec.model_validate(
                {"context": "demo", "problems": [{"reason": "ServerNotFound", "message": "no Deployment"}]})),
            "ServerNotFound",
        ),
    ],
)  # fmt: skip
def test_what_a_person_must_mend_is_an_error_with_cluster_and_reason(member: MemberView, reason: str) -> None:
    found = status(member)
    assert found.phase is Phase.ERROR
    assert [(e.cluster, e.reason) for e in found.exceptions] == [(member.cluster, reason)]
    assert condition(found, "Ready") == ("False", reason)


def test_a_silent_member_is_stale_and_not_counted_as_applied_until_it_returns() -> None:
    found = status(MemberView("m1", stale=True, replica=replica(0)))
    assert (found.phase, found.clusters.stale, found.clusters.pending) == (Phase.PENDING, 1, 1)
    assert condition(found, "Stale")[0] == "True"


def test_a_bad_declaration_stalls_the_context() -> None:
    found = status(MemberView("m1", replica=replica(1)), problem=SpecProblem("PayloadTooLarge", "too large"))
    assert found.phase is Phase.ERROR
    assert condition(found, "Stalled") == ("True", "PayloadTooLarge")


def test_no_selected_cluster_is_an_error_not_a_success() -> None:
    assert status().phase is Phase.ERROR


def test_an_unchanged_state_gives_an_equal_status_at_any_later_time() -> None:
    assert HEAD is not None
    missing = MemberView("m9", registered=False)
    first = status(missing)
    assert context_status(context().model_copy(update={"status": first}), [HEAD], [missing], None, LATER) == first


def test_the_last_writer_is_the_site_of_the_newest_change_in_the_head() -> None:
    head = advance(HEAD, [change("a", "2", dot("m1/p#1", 500)), change("b", "3", dot("m2/p#1", 400))])
    assert head is not None
    assert context_status(context(), [head], [], None, NOW).last_writer == "m1/p#1"


def test_exceptions_are_bounded_and_failures_come_first() -> None:
    away = [MemberView(f"a{n:03d}") for n in range(30)]
    found = status(*away, MemberView("z-missing", registered=False))
    assert len(found.exceptions) == 20
    assert found.exceptions[0].cluster == "z-missing"


def test_a_site_whose_pod_is_gone_does_not_hold_up_the_phase() -> None:
    both = ContextReplicaSpec.model_validate(
        {
            "context": "demo",
            "sites": [{"site": "m1/old#1", "appliedVersion": 0}, {"site": "m1/p#1", "pod": "p", "appliedVersion": 1}],
        }
    )
    assert status(MemberView("m1", replica=both)).phase is Phase.APPLIED
