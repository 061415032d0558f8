"""The summary is in sync only if nothing is left to do, and else says where and why."""

from io import StringIO
from typing import Any

from rich.console import Console

from cli.status import ContextOverview, as_json, as_table, in_sync
from tests.unit.core.scene import context


def reporting(**status: Any) -> ContextOverview:
    wire = {"observedGeneration": 1, "phase": "Applied", "version": 3, "applied": "2/2", **status}
    original = context()
    return ContextOverview.model_validate(
        {"metadata": original.metadata.wire(), "spec": original.spec.wire(), "status": wire}
    )


def rendered(*contexts: ContextOverview) -> str:
    stream = StringIO()
    Console(file=stream, width=200).print(as_table(contexts))
    return stream.getvalue()


def test_a_context_that_every_cluster_serves_is_in_sync() -> None:
    assert in_sync([reporting()])
    assert in_sync([])


def test_a_declaration_not_yet_seen_a_phase_and_an_open_conflict_are_out_of_sync() -> None:
    for status in ({"observedGeneration": 0}, {"phase": "Pending"}, {"conflicts": {"open": 1, "recorded": 1}}):
        assert not in_sync([reporting(), reporting(**status)])


def test_the_table_says_where_why_and_since_when() -> None:
    exception = {"cluster": "m2", "reason": "NotReporting", "message": "silent\x1b[2J", "since": "2026-01-01T00:00:00Z"}
    text = rendered(reporting(exceptions=[exception], lastWriter="m1/pod#1"))
    assert "team/demo: m2: NotReporting since 2026-01-01T00:00:00Z: silent\\x1b[2J" in text
    assert "m1/pod#1" in text
    assert "2/2" in text


def test_json_has_the_whole_status_of_every_context() -> None:
    printed = as_json([reporting()])
    assert printed["inSync"] is True
    assert printed["contexts"][0]["status"]["version"] == 3


def test_a_control_plane_without_contexts_says_so() -> None:
    assert "no FederatedContext" in rendered()
