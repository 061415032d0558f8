"""What the engine keeps of an object between runs."""

from fleet.pulumi_plugins.kubernetes.state import Checkpoint, manager_of, read, write
from fleet.pulumi_plugins.values import Secret, holds_secret, reveal

CHECKPOINT = Checkpoint(
    inputs={"apiVersion": "v1", "kind": "Thing", "spec": {"open": 1, "hidden": "word"}},
    live={"apiVersion": "v1", "kind": "Thing", "spec": {"open": 1, "hidden": "word"}, "status": {}},
    api_version="v1",
    manager="mine",
)


def test_a_state_is_read_as_it_was_written() -> None:
    assert read(write(CHECKPOINT, {})) == CHECKPOINT


def test_a_state_keeps_the_declarations_secrets_in_both_places() -> None:
    written = write(CHECKPOINT, {"spec": {"open": 1, "hidden": Secret("word")}})
    assert written["spec"] == {"open": 1, "hidden": Secret("word")}
    assert written["__inputs"]["spec"] == {"open": 1, "hidden": Secret("word")}
    assert not holds_secret(written["status"])
    assert reveal(written) == reveal(write(CHECKPOINT, {}))


def test_an_empty_state_is_read_as_nothing() -> None:
    assert read({}) == Checkpoint({}, {}, "", "")


def test_the_field_manager_is_the_annotated_the_known_or_a_new_one() -> None:
    annotated = {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "mcpfed-iac"}}}
    assert manager_of(annotated, "known") == "mcpfed-iac"
    assert manager_of({}, "known") == "known"
    first, second = manager_of({}, ""), manager_of({}, "")
    assert first.startswith("pulumi-kubernetes-")
    assert first != second
