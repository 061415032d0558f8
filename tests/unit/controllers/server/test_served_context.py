"""A context keeps the last good version of every item, and reads again only what changed."""

from api.item import ContextType, ItemContent
from api.mcp_context import LocalRule
from controllers.server.primitives import Primitive, primitive_of
from controllers.server.served_context import ServedContext, load
from controllers.server.volume import Applied, Snapshot
from core.site.directory import File, FileProblem, render
from core.values.canonical import content_digest, payload_digest

RESOURCES = ContextType.RESOURCES
A, B = (ItemContent(definition={"uri": f"note:///{name}"}, text=name) for name in "ab")
BAD = ItemContent(definition={"uri": "no scheme"}, text="bad")


class Compiler:
    """Counts what is compiled."""

    def __init__(self) -> None:
        self.compiled: list[str] = []

    def __call__(self, kind: ContextType, name: str, content: ItemContent) -> Primitive:
        self.compiled.append(name)
        return primitive_of(kind, name, content, allow_python=False)


def snapshot(version: int = 1, *problems: FileProblem, **items: ItemContent) -> Snapshot:
    files: dict[str, File] = {}
    for name, content in items.items():
        files |= render(RESOURCES, name, content)
    return Snapshot(Applied(context_type=RESOURCES, version=version), files, list(problems))


def digest(**items: ItemContent) -> str:
    return payload_digest({name: content_digest(content) for name, content in items.items()})


def loaded(seen: Snapshot, before: ServedContext | None = None) -> ServedContext:
    return load("c", seen, before, Compiler())


def test_a_context_has_the_digest_of_its_payload() -> None:
    context = loaded(snapshot(7, a=A, b=B))
    assert (context.version, context.digest, context.problems) == (7, digest(a=A, b=B), [])


def test_only_items_whose_files_changed_are_read_again() -> None:
    compiler = Compiler()
    first = load("c", snapshot(a=A, b=B), None, compiler)
    changed = A.model_copy(update={"text": "new"})
    second = load("c", snapshot(a=changed, b=B), first, compiler)
    assert compiler.compiled == ["a", "b", "a"]
    assert second.digest == digest(a=changed, b=B)


def test_a_bad_item_stays_as_it_was_and_is_reported_until_it_is_good_again() -> None:
    first = loaded(snapshot(a=A, b=B))
    second = loaded(snapshot(a=BAD, b=B), first)
    assert second.digest == first.digest
    assert [problem.split(": ")[0] for problem in second.problems] == ["resources/a"]
    third = loaded(snapshot(a=BAD, b=B), second)
    assert (third.digest, third.problems) == (second.digest, second.problems)
    assert loaded(snapshot(a=A, b=B), third).problems == []


def test_a_bad_item_that_never_was_good_is_left_out() -> None:
    context = loaded(snapshot(a=BAD, b=B))
    assert list(context.items) == ["b"]
    assert len(context.problems) == 1


def test_a_file_that_was_not_read_leaves_its_item_as_it_was() -> None:
    first = loaded(snapshot(a=A, b=B))
    second = loaded(snapshot(1, FileProblem("a", "resources/a", None, "too large"), b=B), first)
    assert second.digest == first.digest
    assert second.problems == ["resources/a: too large"]


def test_a_deleted_item_is_gone_even_if_its_sidecar_stays() -> None:
    first = loaded(snapshot(a=A, b=B))
    second = snapshot(b=B)
    second.files["resources/a.mcp.json"] = render(RESOURCES, "a", A)["resources/a.mcp.json"]
    assert list(loaded(second, first).items) == ["b"]


def test_files_that_are_no_items_are_reported() -> None:
    seen = snapshot(a=A)
    seen.files["resources/a b"] = File(b"")
    context = loaded(seen)
    assert list(context.items) == ["a"]
    assert [problem.split(": ")[0] for problem in context.problems] == ["resources/a b"]


def test_a_local_item_counts_as_what_the_revision_holds() -> None:
    rules = [LocalRule(match="own*", local=True)]
    applied = Applied(context_type=RESOURCES, version=1, local_items=rules, seeds={"own": content_digest(B)})
    seen = snapshot(a=A, own=A, own_addition=B)
    context = loaded(Snapshot(applied, seen.files, []))
    assert context.digest == digest(a=A, own=B)
    assert list(context.items) == ["a", "own", "own_addition"]
