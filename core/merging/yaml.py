"""Three-way merge of YAML texts by structure; comments, quotes and order are kept."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from typing import Any, Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from core.merging.structure import Mark, identifying_key, merge_document, pick, same

MAX_LENGTH: Final = 16_384
"""Characters of a text that is still merged by structure: a merge parses 4 to 8 times, at about 5 s per MiB."""
MAX_BRACKETS: Final = 1_000
"""Of such a text: nested ones cost the parser their square."""

_ALIASED: Final = re.compile(r"(?:^|[\s\[{,:\ufeff])[&*]\S")
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)
_SEQUENCE: Final = re.compile(r"^( *)[^\s#-][^\n]*:[ ]*(?:#[^\n]*)?\n(?: *#[^\n]*\n)*\1( *)- ", re.MULTILINE)
_MAPPING: Final = re.compile(r"^( *)[^\s#-][^\n]*:[ ]*(?:#[^\n]*)?\n(?: *#[^\n]*\n)*\1( +)[^\s#-]", re.MULTILINE)


def merge_yaml(base: str, ours: str, theirs: str) -> str | None:
    """A YAML text with both sides' changes, those of comments included; None if they clash."""
    comments = _merge_comments(base, ours, theirs)

    def renderings(ours: str, theirs: str, merged: Any) -> Iterator[str]:
        for model in (ours, theirs):
            text = _render_like(model, merged)
            if text is not None and Counter(_COMMENT.findall(text)) == comments:
                yield text

    return merge_document((base, ours, theirs), _load, renderings)


def _merge_comments(*texts: str) -> "Counter[str] | None":
    """How often each comment must occur; None if the sides disagree."""
    base, ours, theirs = (Counter(_COMMENT.findall(text)) for text in texts)
    merged = {comment: pick(base[comment], ours[comment], theirs[comment]) for comment in base | ours | theirs}
    return None if Mark.CLASH in merged.values() else +Counter(merged)


def _load(text: str) -> Any:
    """The value of a text.

    Raises:
        ValueError: it has none that JSON could hold, or it costs too much to find out.
    """
    # Aliases can multiply a small text beyond all memory.
    if len(text) > MAX_LENGTH or text.count("[") + text.count("{") > MAX_BRACKETS or _ALIASED.search(text):
        raise ValueError("costs too much")
    try:
        value = YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType]
    except Exception as error:  # not only YAMLError: damaged texts have made the parser raise anything
        raise ValueError("not YAML") from error
    if not _is_json(value):
        raise ValueError("holds what JSON cannot")
    return value


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        members = cast("dict[Any, Any]", value)
        return all(isinstance(key, str) for key in members) and all(map(_is_json, members.values()))
    if isinstance(value, list):
        return all(map(_is_json, cast("list[Any]", value)))
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _render_like(model: str, value: Any) -> str | None:
    """The value in the words of a text that says almost the same; None if that fails."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = MAX_LENGTH
    yaml.explicit_start = model.startswith("---")
    mapping, sequence = _MAPPING.search(model), _SEQUENCE.search(model)
    offset = len(sequence[2]) if sequence else 0
    yaml.indent(mapping=len(mapping[2]) if mapping else 2, sequence=offset + 2, offset=offset)
    output = StringIO()
    try:
        yaml.dump(_rewritten(yaml.load(model), value), output)  # pyright: ignore[reportUnknownMemberType]
    except Exception:  # as above; the text is only one of those to try
        return None
    text = output.getvalue()
    return text.replace("\n", "\r\n") if "\r\n" in model else text


def _rewritten(node: Any, value: Any) -> Any:
    """The node, changed in place to hold the value; the value itself where the node is of no use."""
    if isinstance(node, CommentedMap) and isinstance(value, dict):
        return _rewritten_map(node, cast("dict[str, Any]", value))
    if isinstance(node, CommentedSeq) and isinstance(value, list):
        return _rewritten_sequence(node, cast("list[Any]", value))
    return node if same(node, value) else value


def _rewritten_map(node: CommentedMap, value: dict[str, Any]) -> CommentedMap:
    members = cast("dict[str, Any]", node)
    for key in [key for key in members if key not in value]:
        del members[key]
    for position, (key, member) in enumerate(value.items()):
        if key not in members:
            node.insert(position, key, member)  # pyright: ignore[reportUnknownMemberType]
        elif (rewritten := _rewritten(members[key], member)) is not members[key]:
            members[key] = rewritten
    return node


def _rewritten_sequence(node: CommentedSeq, value: list[Any]) -> Any:
    """The node with the elements that have the same identity, in its order; otherwise a new one."""
    elements = cast("list[Any]", node)
    if same(elements, value):
        return node
    key = identifying_key(elements, value)
    if key is None:
        return _styled_like(node, value)
    wanted = [each[key] for each in value]
    held = [each[key] for each in elements if each[key] in wanted]
    if held != [name for name in wanted if name in held]:
        return _styled_like(node, value)
    for position in reversed(range(len(elements))):
        if elements[position][key] not in wanted:
            del elements[position]
    for position, each in enumerate(value):
        if each[key] in held:
            _rewritten(elements[position], each)
        else:
            elements.insert(position, each)
    return node


def _styled_like(node: CommentedSeq, value: list[Any]) -> CommentedSeq:
    styled = CommentedSeq(value)
    if node.fa.flow_style():  # pyright: ignore[reportUnknownMemberType]
        styled.fa.set_flow_style()  # pyright: ignore[reportUnknownMemberType]
    return styled
