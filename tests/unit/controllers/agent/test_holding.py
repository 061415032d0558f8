"""One context on a real directory: applied, edited, joined, refused."""

import json
import os
from pathlib import Path

from core.site.bookkeeping import BOOKKEEPING
from core.values import clock
from tests.unit.controllers.agent.pod import CONTEXT, FIRST, SECOND, Pod, revision, settled, tool


def test_applying_leaves_nothing_to_detect_and_nothing_to_apply(pod: Pod) -> None:
    for number, items in enumerate((FIRST, SECOND, FIRST), 1):
        head = revision(number, items)
        state = pod.wake(head)
        assert (state.digest, state.changes, state.applied_version) == (head.spec.digest, [], number)
        before = {path: path.stat().st_mtime_ns for path in pod.volume.rglob("*")}
        assert pod.wake(head) == state
        assert {path: path.stat().st_mtime_ns for path in pod.volume.rglob("*")} == before
    assert set(pod.files()) == {"a.json", "a.py", "b.json", "c.json", "c.py", "d.json"}
    assert not (pod.tools / "e").exists()


def test_files_that_say_the_same_in_another_way_are_no_change(pod: Pod) -> None:
    pod.wake(revision(1, FIRST))
    document = json.loads((pod.tools / "a.json").read_text())
    (pod.tools / "a.json").write_text(json.dumps(dict(reversed(document.items()))))
    assert pod.wake().changes == []


def test_executable_content_is_executable_whatever_the_umask(pod: Pod) -> None:
    before = os.umask(0o077)
    try:
        pod.wake(revision(1, {"a": tool("a", "A = 1\n", "0755")}))
    finally:
        os.umask(before)
    assert oct((pod.tools / "a.py").stat().st_mode & 0o7777) == "0o755"
    assert oct((pod.tools / "a.json").stat().st_mode & 0o7777) == "0o644"
    assert pod.wake().changes == []


def test_a_link_in_the_way_is_not_followed_and_reported(pod: Pod, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f.json").write_text("untouched")
    pod.wake(revision(1, FIRST))
    (pod.tools / "e").symlink_to(outside)
    (pod.tools / "a.json").unlink()
    (pod.tools / "a.json").symlink_to(outside / "f.json")

    state = pod.wake(revision(2, SECOND))

    assert (outside / "f.json").read_text() == "untouched"
    assert not (outside / "f.py").exists()
    assert {problem.item for problem in state.problems} >= {"a", "e/f"}
    assert state.changes == []


def test_a_refused_revision_is_reported_and_nothing_is_written(pod: Pod) -> None:
    pod.wake(revision(2, FIRST))
    before = pod.files()
    state = pod.wake(revision(1, SECOND))
    assert [problem.reason for problem in state.problems] == ["RecoveryNeeded"]
    assert pod.files() == before
    assert pod.wake(revision(1, SECOND)) == state
    assert pod.wake(revision(3, SECOND)).problems == []


def test_an_inventory_is_published_until_a_revision_has_all_that_was_applied(pod: Pod) -> None:
    pod.wake(revision(5, SECOND))
    state = pod.wake(revision(4, FIRST))
    assert state.inventory is not None
    held = {item.name: item.content for item in state.inventory.items}
    assert held == SECOND
    assert (state.inventory.version, state.inventory.chain_digest) == (5, state.base_digest)

    (pod.tools / "a.py").write_text("A = 'mine'\n")
    state = pod.wake(revision(4, FIRST))
    assert set(pod.changes()) == {"a"}
    assert state.inventory is not None
    assert "a" not in {item.name for item in state.inventory.items}
    pod.restart()
    assert pod.wake(revision(4, FIRST)) == state

    state = pod.wake(revision(6, SECOND, {state.site: pod.changes()["a"].dot.hlc}))
    assert (state.inventory, state.problems, state.changes) == (None, [], [])


def test_an_older_revision_that_may_just_be_late_is_let_pass(pod: Pod) -> None:
    state = pod.wake(revision(5, SECOND))
    assert pod.holding.apply(revision(4, FIRST), is_newest=False) is None
    assert pod.holding.awaits_newer
    assert pod.holding.detect() == state
    assert pod.holding.apply(revision(5, SECOND)) is None
    assert not pod.holding.awaits_newer

    fork = revision(4, FIRST, {"m2/p#1": clock.encode(9)})
    reported = pod.holding.apply(fork, is_newest=False)
    assert reported is not None
    assert reported.inventory is not None


def test_a_volume_emptied_with_its_journal_is_filled_again_by_a_new_incarnation(pod: Pod) -> None:
    first = pod.wake(revision(1, FIRST)).site
    for path in sorted(pod.volume.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    pod.restart()
    state = pod.wake(revision(1, FIRST))
    assert state.changes == []
    assert state.site != first
    assert pod.files() == settled(pod.volume, FIRST)


def test_a_journal_that_cannot_be_read_is_set_aside_and_the_site_joins_anew(pod: Pod) -> None:
    first = pod.wake(revision(1, FIRST)).site
    (pod.volume / BOOKKEEPING / CONTEXT / "journal.json").write_text("{")
    pod.restart()
    state = pod.wake(revision(1, FIRST))
    assert (state.changes, state.problems) == ([], [])
    assert state.site != first
