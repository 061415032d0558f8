"""Interrupted at every write, by a crash, a full volume or an edit, and resumed: nothing is lost or invented."""

import errno
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from api.dot import Dot
from api.mcp_context import LocalRule
from core.site.bookkeeping import APPLIED, BOOKKEEPING, INTENT, RESERVED
from core.values import clock
from tests.unit.controllers.agent.pod import CONTEXT, FIRST, SECOND, Pod, crashes, revision, settled, tool


def test_a_crash_at_any_write_of_a_revision_is_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, number = settled(tmp_path), itertools.count()

    def applied() -> Pod:
        pod = Pod(tmp_path / str(next(number)))
        pod.wake(revision(1, FIRST))
        return pod

    def die(pod: Pod) -> object:
        return pod.wake(revision(2, SECOND))

    for pod in crashes(applied, monkeypatch, die):
        assert pod.wake().changes == []
        assert pod.wake(revision(2, SECOND)).changes == []
        assert pod.files() == wanted
        assert not (pod.volume / BOOKKEEPING / CONTEXT / INTENT).exists()
        assert json.loads((pod.volume / BOOKKEEPING / CONTEXT / APPLIED).read_text())["version"] == 2


def test_edits_around_a_crash_are_neither_lost_nor_taken_for_older_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = itertools.count()

    def edited() -> Pod:
        pod = Pod(tmp_path / str(next(number)))
        pod.wake(revision(1, FIRST))
        (pod.tools / "d.json").write_text(json.dumps(tool("before the crash").wire()))
        return pod

    def die(pod: Pod) -> object:
        return pod.wake(revision(2, SECOND))

    for pod in crashes(edited, monkeypatch, die):
        (pod.tools / "a.json").write_text(json.dumps(tool("after the crash").wire()))
        pod.wake()
        pod.wake(revision(2, SECOND))
        changes = pod.changes()
        assert set(changes) == {"a", "d"}
        assert changes["d"].content == tool("before the crash")
        written = changes["a"].content
        assert written is not None
        assert written.definition["description"] == "after the crash"
        assert json.loads((pod.tools / "a.json").read_text())["definition"]["description"] == "after the crash"
        decided = {changes["a"].dot.site: max(change.dot.hlc for change in changes.values())}
        assert pod.wake(revision(3, SECOND, decided)).changes == []
        assert pod.files() == settled(pod.volume)


def test_a_crash_at_any_write_of_a_join_is_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = itertools.count()

    def found() -> Pod:
        pod = Pod(tmp_path / str(next(number)))
        pod.tools.mkdir(parents=True)
        for name in ("a", "b", "new"):
            (pod.tools / f"{name}.json").write_text(json.dumps(tool("found").wire()))
        return pod

    for pod in crashes(found, monkeypatch, lambda pod: pod.wake(revision(1, SECOND))):
        pod.wake(revision(1, SECOND))
        assert set(pod.changes()) == {"new"}
        (pod.tools / "new.json").unlink()
        assert pod.files() == settled(pod.volume)
        recovered = {path.name for path in (pod.volume / RESERVED / "recovered").rglob("*.json")}
        assert recovered == {"a.json", "b.json"}


def test_a_crash_at_any_write_of_a_withdrawal_is_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = itertools.count()

    def applied() -> Pod:
        pod = Pod(tmp_path / str(next(number)))
        pod.wake(revision(1, FIRST))
        return pod

    for pod in crashes(applied, monkeypatch, lambda pod: pod.holding.withdraw()):
        pod.holding.withdraw()
        assert not (pod.volume / CONTEXT).exists()
        assert not (pod.volume / BOOKKEEPING / CONTEXT / APPLIED).exists()
        aside = [path.name for path in (pod.volume / RESERVED / "withdrawn").glob("*/tools/a.py")]
        assert aside == ["a.py"]


def test_an_edit_made_while_a_revision_is_written_is_kept_as_a_change(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.wake(revision(1, FIRST))
    save = pod.holding._records.save_intent

    def edit_then_save(intent: Any) -> None:
        save(intent)
        (pod.tools / "a.py").write_text("A = 'mine'\n")

    monkeypatch.setattr(pod.holding._records, "save_intent", edit_then_save)
    pod.wake(revision(2, SECOND))

    change = pod.changes()["a"]
    assert change.content == tool("a1", "A = 'mine'\n")
    assert change.base_dot == Dot(site="declared", hlc=clock.encode(1))
    assert (pod.tools / "a.py").read_text() == "A = 'mine'\n"
    assert "b.json" not in pod.files()


def test_a_full_volume_is_reported_and_the_write_goes_on_where_it_stopped(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.wake(revision(1, FIRST))
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr(os, "rename", full)
        with pytest.raises(OSError, match="No space left") as failure:
            pod.wake(revision(2, SECOND))
    state = pod.holding.failed(failure.value)
    assert state is not None
    assert [problem.reason for problem in state.problems] == ["VolumeFailed"]
    assert (state.applied_version, state.changes) == (1, [])

    assert pod.wake(revision(2, SECOND)).problems == []
    assert pod.files() == settled(pod.volume)


def test_a_crash_at_any_write_of_local_items_takes_no_copy_and_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, rules = itertools.count(), [LocalRule(match="[ae]*", local=True)]

    def shared() -> Pod:
        pod = Pod(tmp_path / str(next(number)))
        pod.wake(revision(1, FIRST))
        (pod.tools / "a.py").write_text("A = 'mine'\n")
        return pod

    for pod in crashes(shared, monkeypatch, lambda pod: pod.wake(revision(2, SECOND, local_items=rules))):
        (pod.tools / "added.json").write_text(json.dumps(tool("mine").wire()))
        pod.wake()
        state = pod.wake(revision(2, SECOND, local_items=rules))
        assert (state.changes, state.digest) == ([], revision(2, SECOND).spec.digest)
        own = {"a.py": "A = 'mine'\n", "a.json": pod.files()["a.json"], "added.json": pod.files()["added.json"]}
        assert '"a1"' in own["a.json"]
        assert pod.files() == {**settled(pod.volume), **own}


def test_a_crash_at_any_write_on_the_way_from_local_to_shared_loses_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, rules = itertools.count(), [LocalRule(match="*", local=True)]

    def present() -> Pod:
        pod = Pod(tmp_path / str(next(number)))
        pod.wake(revision(1, FIRST, local_items=rules))
        (pod.tools / "a.py").write_text("A = 'mine'\n")
        return pod

    for pod in crashes(present, monkeypatch, lambda pod: pod.wake(revision(2, SECOND))):
        pod.wake()
        pod.wake(revision(2, SECOND))
        change = pod.changes()["a"]
        assert (change.content, change.base_dot) == (tool("a1", "A = 'mine'\n"), revision(1, FIRST).targets["a"].dot)
        assert pod.changes().keys() == {"a"}
        assert pod.files()["a.py"] == "A = 'mine'\n"
