"""A step that fails for a reason of ours: reported, tried again, and over once it succeeds."""

from pathlib import Path
from typing import cast

import pytest

from api.context_replica import SiteState
from controllers.agent.detection import Detection
from controllers.agent.held_context import HeldContext
from controllers.agent.holding import Origin
from controllers.agent.publisher import Publisher, Requests
from tests.unit.controllers.agent.pod import CONTEXT, FIRST, revision


class Offers:
    """What a publisher is given; nothing is published."""

    requests = Requests()

    def __init__(self) -> None:
        self.states: list[SiteState] = []

    def offer(self, state: SiteState) -> None:
        self.states.append(state)


async def test_an_error_of_ours_is_reported_and_is_gone_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = Offers()
    origin = Origin("m1/pod-0", "pod-0", lambda: 1_000_000, lambda: "00000001")
    held = HeldContext(tmp_path, CONTEXT, origin, cast("Publisher", offers))
    newest = {"spec": revision(1, FIRST).spec.wire()}
    await held.hold(newest)

    def fail(*_: object, **__: object) -> None:
        raise RecursionError("a payload must not be quoted")

    with monkeypatch.context() as patch:
        patch.setattr(Detection, "look", fail)
        with pytest.raises(RecursionError):
            await held.hold(newest)
        failed = offers.states[-1]
        await held.say_last_word()
    assert [problem.reason for problem in failed.problems] == ["InternalError"]
    assert "RecursionError" in failed.problems[0].message
    assert "quoted" not in failed.problems[0].message
    assert failed.digest is None
    await held.hold(newest)
    assert offers.states[-1].problems == []
