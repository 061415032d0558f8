"""Files that vanish all at once halt a pod until they are back or a person has confirmed it."""

import pytest

from core.inspection.confirm import confirmation
from tests.unit.controllers.agent.pod import CONTEXT, FIRST, SECOND, Pod, revision, settled


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
    state = pod.holding.detect(confirmation=said)
    assert state is not None
    decided = {state.site: max(change.dot.hlc for change in state.changes)}
    pod.wake(revision(2, FIRST, decided))
    assert pod.files() == settled(pod.volume, FIRST)

    for path in [*pod.tools.iterdir()]:
        path.unlink()
    state = pod.holding.detect(confirmation=said)
    assert state is not None
    assert ([problem.reason for problem in state.problems], state.changes) == (["Halted"], [])


@pytest.mark.parametrize("root", [CONTEXT, f"{CONTEXT}/tools"])
def test_a_root_replaced_by_a_file_halts(pod: Pod, root: str) -> None:
    pod.wake(revision(1, FIRST))
    (pod.volume / root).rename(pod.volume / "elsewhere")
    (pod.volume / root).write_text("a file")
    state = pod.wake(revision(2, SECOND))
    assert ([problem.reason for problem in state.problems], state.changes) == (["Halted"], [])
    assert confirmation([state]) == "", "nobody knows what is held"
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
