"""Histories for the tests of what is folded over them."""

from hypothesis import strategies as st

from api.context_replica import Change
from api.context_revision import ContextRevisionSpec
from api.dot import Dot
from api.federated_context import ConflictPolicyName, FederatedContextSpec
from tests.unit.core.scene import advance, change, dot, payload, spec

SITES = ("m1/p#1", "m2/p#1")


def under(policy: ConflictPolicyName) -> FederatedContextSpec:
    wire = spec().wire()
    return FederatedContextSpec.model_validate({**wire, "conflictPolicy": {"default": policy, "priority": ["m1"]}})


def grown(
    history: list[ContextRevisionSpec], *changes: Change, wanted: FederatedContextSpec | None = None
) -> list[ContextRevisionSpec]:
    """The history with one more revision."""
    revision = advance(history[-1], list(changes), now=10_000 + len(history), wanted=wanted)
    assert revision is not None
    return [*history, revision]


def began(**texts: str) -> list[ContextRevisionSpec]:
    """A history of one revision, which holds a declaration."""
    revision = advance(None, [], declared=payload(**texts))
    assert revision is not None
    return [revision]


def in_conflict(policy: ConflictPolicyName) -> list[ContextRevisionSpec]:
    """Version 2 has m2's later change of `a`; then m1's earlier one arrives."""
    wanted, history = under(policy), began(a="base", b="other")
    base = history[0].items[0].dot
    history = grown(history, change("a", "late", dot("m2/p#1", 2001), base), wanted=wanted)
    return grown(history, change("a", "early", dot("m1/p#1", 2000), base), wanted=wanted)


@st.composite
def histories(draw: st.DrawFn) -> list[ContextRevisionSpec]:
    """Two to six revisions, with additions, changes, deletions and conflicts."""
    policy = draw(st.sampled_from([ConflictPolicyName.LAST_WRITER_WINS, ConflictPolicyName.MANUAL]))
    history = began(a="1", b="2")
    seen: list[Dot | None] = [None]
    for number in range(draw(st.integers(1, 5))):
        item, text = draw(st.sampled_from("abc")), draw(st.sampled_from([None, "1", "2", f"v{number}"]))
        held = next((held.dot for held in history[-1].items if held.name == item), None)
        base = draw(st.sampled_from([held, *seen]))
        made = change(item, text, dot(draw(st.sampled_from(SITES)), 2000 + number), base)
        seen.append(made.dot)
        history = grown(history, made, wanted=under(policy))
    return history
