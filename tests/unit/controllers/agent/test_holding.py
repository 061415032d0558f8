"""One context on a real directory: applied, edited, interrupted at every write, and resumed."""

import errno
import itertools
import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.context_replica import Change, SiteState
from api.dot import Dot
from api.item import ContextType, Item, ItemContent
from api.mcp_context import MCPContextSpec, ServedItem, ServedPayload, Tombstone
from controllers.agent.holding import Holding, Origin
from core import canonical, clock
from core.apply import Revision
from core.confirmation import confirmation
from core.directory import APPLIED, BOOKKEEPING, INTENT, RESERVED

CONTEXT = "ctx"
Items = dict[str, ItemContent | None]


class Crash(BaseException):
    """The process dies here."""


def tool(text: str, module: str | None = None, mode: str | None = None) -> ItemContent:
    definition = {"description": text, "inputSchema": {"type": "object"}}
    return ItemContent(definition=definition, handler={"python": {"entrypoint": "run"}}, text=module, mode=mode)


def revision(version: int, items: Items, decided: dict[str, str] | None = None) -> Revision:
    dot = Dot(site="declared", hlc=clock.encode(version))
    live = {name: content for name, content in items.items() if content is not None}
    digests = {name: canonical.content_digest(content) for name, content in live.items()}
    served = [ServedItem.model_validate({**Item.of(name, value).wire(), "dot": dot}) for name, value in live.items()]
    return Revision.of(
        MCPContextSpec(
            mcp_server_name="s",
            context_type=ContextType.TOOLS,
            context_payload=ServedPayload(items=served),
            tombstones=[Tombstone(name=name, dot=dot) for name, content in items.items() if content is None],
            version=version,
            timestamp="2026-01-01T00:00:00.000Z",
            digest=canonical.payload_digest(digests),
            chain_digest=canonical.digest([version, digests]),
            version_vector={"declared": dot.hlc, **(decided or {})},
        )
    )


class Pod:
    """A volume, and whatever instance of the agent runs on it."""

    def __init__(self, volume: Path) -> None:
        self.volume = volume
        self.clock = itertools.count(1_000_000)
        self.incarnations = itertools.count(1)
        self.tools = volume / CONTEXT / "tools"
        self.restart()

    def restart(self) -> None:
        origin = Origin("m1/pod-0", "pod-0", lambda: next(self.clock), lambda: f"{next(self.incarnations):08x}")
        self.holding = Holding(self.volume, CONTEXT, origin)
        self.told: SiteState | None = None

    def wake(self, head: Revision | None = None) -> SiteState:
        """One turn of the loop: what is published at its end."""
        self.told = self.holding.detect() or self.told
        if head is not None:
            self.told = self.holding.apply(head) or self.told
        assert self.told is not None
        return self.told

    def files(self) -> dict[str, str]:
        paths = (path for path in (self.volume / CONTEXT).rglob("*") if path.is_file())
        return {path.relative_to(self.tools).as_posix(): path.read_text() for path in paths}

    def changes(self) -> dict[str, Change]:
        return {change.item: change for change in self.told.changes} if self.told else {}


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


@contextmanager
def dying_at(write: int, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The process dies instead of doing the n-th thing that changes the file system."""
    count = itertools.count()

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if next(count) == write:
                raise Crash
            return original(*args, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("rename", "replace", "unlink", "mkdir", "rmdir", "fsync"):
            patch.setattr(os, name, dying(getattr(os, name)))
        yield


def crashes(pod: Callable[[], Pod], monkeypatch: pytest.MonkeyPatch, act: Callable[[Pod], object]) -> Iterator[Pod]:
    """A restarted pod for each write of `act` at which it died."""
    for write in range(1000):
        fresh = pod()
        try:
            with dying_at(write, monkeypatch):
                act(fresh)
        except Crash:
            fresh.restart()
            yield fresh
        else:
            assert write > 5, "there was hardly anything to interrupt"
            return


FIRST: Items = {"a": tool("a1", "A = 1\n"), "b": tool("b1"), "c": tool("c1", "C = 1\n"), "d": tool("d1")}
SECOND: Items = {"a": tool("a2", "A = 2\n"), "b": None, "c": tool("c2"), "d": tool("d1"), "e/f": tool("e1", "E = 1\n")}


def settled(tmp_path: Path, items: Items = SECOND) -> dict[str, str]:
    """The files of a pod to which nothing else ever happened."""
    pod = Pod(tmp_path / "settled")
    pod.wake(revision(1, items))
    return pod.files()


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
    told = pod.holding.apply(fork, is_newest=False)
    assert told is not None
    assert told.inventory is not None


@pytest.mark.parametrize("left", [{"d.json"}, set[str]()], ids=["most", "all"])
def test_a_mass_deletion_halts_until_a_person_confirms_it(pod: Pod, left: set[str]) -> None:
    pod.wake(revision(1, FIRST))
    for path in [path for path in pod.tools.iterdir() if path.name not in left]:
        path.unlink()
    state = pod.wake(revision(2, SECOND))
    assert ([problem.reason for problem in state.problems], state.changes) == (["Halted"], [])
    assert "`mcpfed confirm`" in state.problems[0].message
    assert set(pod.files()) == left
    assert pod.wake() == state

    confirmed = pod.holding.detect(confirmation=confirmation([state]))
    assert confirmed is not None
    assert confirmed.problems == []
    assert {change.item for change in confirmed.changes if change.deleted} >= {"a", "b", "c"}


def test_a_confirmation_is_used_up_once_it_is_decided(pod: Pod) -> None:
    pod.wake(revision(1, FIRST))
    for path in [*pod.tools.iterdir()]:
        path.unlink()
    said = confirmation([pod.wake()])
    told = pod.holding.detect(confirmation=said)
    assert told is not None
    decided = {told.site: max(change.dot.hlc for change in told.changes)}
    pod.wake(revision(2, FIRST, decided))
    assert pod.files() == settled(pod.volume, FIRST)

    for path in [*pod.tools.iterdir()]:
        path.unlink()
    told = pod.holding.detect(confirmation=said)
    assert told is not None
    assert ([problem.reason for problem in told.problems], told.changes) == (["Halted"], [])


@pytest.mark.parametrize("root", [CONTEXT, f"{CONTEXT}/tools"])
def test_a_root_replaced_by_a_file_halts(pod: Pod, root: str) -> None:
    pod.wake(revision(1, FIRST))
    (pod.volume / root).rename(pod.volume / "elsewhere")
    (pod.volume / root).write_text("a file")
    state = pod.wake(revision(2, SECOND))
    assert ([problem.reason for problem in state.problems], state.changes) == (["Halted"], [])
    assert confirmation([state]) == "", "nobody can tell what is held"
    (pod.volume / root).unlink()
    (pod.volume / "elsewhere").rename(pod.volume / root)
    assert pod.wake(revision(2, SECOND)).problems == []
    assert pod.files() == settled(pod.volume)


def test_a_volume_emptied_at_once_halts_and_what_comes_back_goes_on(pod: Pod) -> None:
    pod.wake(revision(1, FIRST))
    pod.tools.rename(pod.volume / "elsewhere")
    state = pod.wake(revision(2, SECOND))
    assert ([problem.reason for problem in state.problems], state.changes) == (["Halted"], [])
    assert not pod.tools.exists()
    (pod.volume / "elsewhere").rename(pod.tools)
    assert pod.wake(revision(2, SECOND)).problems == []
    assert pod.files() == settled(pod.volume)


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
    told = pod.holding.failed(failure.value)
    assert told is not None
    assert [problem.reason for problem in told.problems] == ["VolumeFailed"]
    assert (told.applied_version, told.changes) == (1, [])

    assert pod.wake(revision(2, SECOND)).problems == []
    assert pod.files() == settled(pod.volume)
