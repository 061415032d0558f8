"""Three-way merge of JSON values by structure, and of texts that hold such values.

Objects merge member by member; lists by the key that names their elements, else element by element.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final, cast

from core.merging.lines import merge_lines, merge_sequences

IDENTIFYING_KEYS: Final = ("name", "uri", "id")
"""What may name the elements of a list; the first that names all of them does."""


class Mark(Enum):
    """What stands where there is no value."""

    ABSENT = auto()
    """The object has no such member."""
    CLASH = auto()
    """Both sides changed it, differently."""


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON: `1` is `1.0`, but not `true`; the order of members does not count."""
    if isinstance(one, dict) and isinstance(other, dict):
        members, others = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return members.keys() == others.keys() and all(same(member, others[key]) for key, member in members.items())
    if isinstance(one, list) and isinstance(other, list):
        elements, rest = cast("list[Any]", one), cast("list[Any]", other)
        return len(elements) == len(rest) and all(map(same, elements, rest))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def pick(base: Any, ours: Any, theirs: Any) -> Any:
    """The side that changed; `Mark.CLASH` if both did, differently."""
    if same(ours, theirs) or same(base, theirs):
        return ours
    return theirs if same(base, ours) else Mark.CLASH


def merge_values(base: Any, ours: Any, theirs: Any) -> Any:
    """The value with both sides' changes, members in the order of ours; `Mark.CLASH` if there is none.

    A deleted member whose other side changed is a clash. Members that both sides added merge as if the base had
    them empty.
    """
    picked = pick(base, ours, theirs)
    if picked is not Mark.CLASH:
        return picked
    for kind, merge in _MERGES.items():
        start = kind() if base is Mark.ABSENT else base
        if all(isinstance(value, kind) for value in (start, ours, theirs)):
            return merge(start, ours, theirs)
    return Mark.CLASH


def identifying_key(*lists: list[Any]) -> str | None:
    """The member that distinguishes each element from the others of its list; None if there is none."""
    return next((key for key in IDENTIFYING_KEYS if all(_is_identified_by(key, each) for each in lists)), None)


def merge_document(
    texts: tuple[str, str, str],
    load: Callable[[str], Any],
    renderings: Callable[[str, str, Any], Iterable[str]],
) -> str | None:
    """Base, ours and theirs as a text that holds the merged value.

    Texts merge by line if that gives the merged value: so everything else about them is kept, of both sides.

    Args:
        texts: base, ours, theirs
        load: the value of a text; raises ValueError if it has none
        renderings: from ours, theirs and the merged value, texts to try
    """
    try:
        merged = merge_values(*map(load, texts))
    except (ValueError, RecursionError):
        return merge_lines(*texts)
    if merged is Mark.CLASH:
        return None
    by_line = merge_lines(*texts)
    if by_line is not None and _holds(by_line, merged, load):
        return by_line
    return next((text for text in renderings(texts[1], texts[2], merged) if _holds(text, merged, load)), None)


def merge_json(base: str, ours: str, theirs: str) -> str | None:
    """A JSON text with both sides' changes; None if they clash."""
    return merge_document((base, ours, theirs), _load, lambda ours, _theirs, merged: [_render_like(ours, merged)])


def _merge_objects(base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> Any:
    merged: dict[str, Any] = {}
    for key in _interleaved(list(ours), list(theirs)):
        member = merge_values(*(side.get(key, Mark.ABSENT) for side in (base, ours, theirs)))
        if member is Mark.CLASH:
            return Mark.CLASH
        if member is not Mark.ABSENT:
            merged[key] = member
    return merged


def _merge_lists(base: list[Any], ours: list[Any], theirs: list[Any]) -> Any:
    key = identifying_key(base, ours, theirs)
    if key is not None:
        return _merge_identified(*({each[key]: each for each in side} for side in (base, ours, theirs)))
    tokens = [[json.dumps(each, sort_keys=True) for each in side] for side in (base, ours, theirs)]
    merged = merge_sequences(*tokens)
    if merged is None:
        return Mark.CLASH
    values = dict(zip(tokens[2] + tokens[1], theirs + ours, strict=True))
    return [values[token] for token in merged]


def _merge_identified(base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> Any:
    """Lists as objects by the identity of their elements; their order is part of the value, too."""
    merged = _merge_objects(base, ours, theirs)
    old, our, their = (
        [key for key in side if key in base and key in ours and key in theirs] for side in (base, ours, theirs)
    )
    order = pick(old, our, their)
    if merged is Mark.CLASH or order is Mark.CLASH:
        return Mark.CLASH
    sides = (ours, theirs) if order == our else (theirs, ours)
    return [merged[key] for key in _interleaved(*map(list, sides)) if key in merged]


def _interleaved(keys: Sequence[str], others: Sequence[str]) -> list[str]:
    """The keys in their order, and those only in others before the key that follows them there."""
    known = set(keys)
    added: dict[str, list[str]] = {}
    waiting: list[str] = []
    for key in others:
        if key in known:
            added[key], waiting = waiting, []
        else:
            waiting.append(key)
    return [each for key in keys for each in (*added.get(key, ()), key)] + waiting


_MERGES: Final[dict[type, Callable[[Any, Any, Any], Any]]] = {dict: _merge_objects, list: _merge_lists}


def _is_identified_by(key: str, elements: list[Any]) -> bool:
    names = [each.get(key) if isinstance(each, dict) else None for each in elements]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _holds(text: str, value: Any, load: Callable[[str], Any]) -> bool:
    try:
        return same(load(text), value)
    except (ValueError, RecursionError):
        return False


def _load(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_distinct, parse_float=_exact, parse_constant=_refuse)


def _distinct(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one with a key twice has no value, or rendering it would drop a member."""
    value = dict(members)
    if len(value) < len(members):
        raise ValueError("a key occurs twice")
    return value


def _exact(literal: str) -> float:
    """A number; one that a float cannot hold has no value, or rendering it would change it."""
    value = float(literal)
    if not math.isfinite(value) or Decimal(literal) != Decimal(repr(value)):
        raise ValueError("beyond the precision of a float")
    return value


def _refuse(literal: str) -> float:
    raise ValueError(f"{literal} is not JSON")


def _render_like(model: str, value: Any) -> str:
    """The value as JSON with the model's indentation, spacing, escapes and line endings."""
    lines = model.strip().splitlines()
    margin = re.match(r"[ \t]*", lines[1]) if len(lines) > 1 else None
    spaced = margin is not None or re.search(r"[:,]\s", model)
    text = json.dumps(
        value,
        ensure_ascii=model.isascii() and "\\u" in model,
        indent=margin[0] if margin else None,
        separators=("," if margin or not spaced else ", ", ": " if spaced else ":"),
    )
    ending = model[len(model.rstrip()) :]
    return (text.replace("\n", "\r\n") if "\r\n" in model else text) + ending
