"""Resolution: the content that a person chooses for an item whose changes were in conflict."""

from collections.abc import Iterable

from api.dot import Dot
from api.item import ContextType, ItemContent
from core.inspection.history import Conflict, ConflictState
from core.site.directory import File, parse, render
from core.values import item_rules


class Unresolvable(ValueError):
    """The choice cannot be carried out; the message says why and what to do."""


def dot_text(dot: Dot) -> str:
    """A dot as people write it: `<site>@<hlc>`."""
    return f"{dot.site}@{dot.hlc}"


def choose(conflicts: Iterable[Conflict], item: str, dot: str | None = None) -> Conflict:
    """The conflict of an item that a person means, by its loser.

    Args:
        conflicts: all on record.
        item: name of the item.
        dot: of the loser, as text; None if there is but one, or but one that is open.

    Raises:
        Unresolvable: there is no such loser, or more than one.
    """
    found = [conflict for conflict in conflicts if conflict.record.item == item]
    if dot is not None:
        found = [conflict for conflict in found if dot_text(conflict.record.lost.dot) == dot]
    narrowed = [conflict for conflict in found if conflict.state is ConflictState.OPEN] or found
    if len(narrowed) == 1:
        return narrowed[0]
    if not found:
        raise Unresolvable(f"item {item}: no conflict{f' with loser {dot}' if dot else ''} is on record")
    losers = ", ".join(dot_text(conflict.record.lost.dot) for conflict in narrowed)
    raise Unresolvable(f"item {item}: {len(narrowed)} changes lost, say which with --dot: {losers}")


def with_file(
    context_type: ContextType, name: str, present: ItemContent | None, data: bytes, suffix: str
) -> ItemContent:
    """An item with one of its files replaced; files are those of the context directory.

    Args:
        context_type: of the context.
        name: of the item.
        present: the item as it is; None if there is none.
        data: the file's new bytes.
        suffix: of the given file: `.py` stands for a tool's module, all else for its document. A prompt has only a
            document, an MCP resource is replaced in content.

    Raises:
        Unresolvable: the file does not make a sound item.
    """
    files = render(context_type, name, present) if present else {}
    path = _path(context_type, name, suffix)
    executable = files[path].executable if path in files else False
    parsed = parse(context_type, {**files, path: File(data, executable)})
    content = parsed.items.get(name)
    breaches = [problem.message for problem in parsed.problems]
    if content is not None:
        breaches += item_rules.check(context_type, name, content)
    if content is None or breaches:
        raise Unresolvable(f"item {name}: {'; '.join(breaches) or 'the file makes no item of this name'}")
    return content


def _path(context_type: ContextType, name: str, suffix: str) -> str:
    if context_type is ContextType.RESOURCES:
        return f"resources/{name}"
    module = context_type is ContextType.TOOLS and suffix == ".py"
    return f"{context_type}/{name}{'.py' if module else '.json'}"
