"""The TypedDicts of models: every type, wording and default that a program's author sees."""

from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import Field

from api.model import Model
from api.typed_args import module


class Colour(StrEnum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Inner(Model):
    """What is inside."""

    free: dict[str, Any] = Field(default_factory=dict)
    """Anything."""
    side: Literal["left", "right"]
    """Which side."""


class Outer(Model):
    """What is outside."""

    colour: Colour = Colour.RED
    """A colour."""
    inner: list[Inner] | None = None
    """What is inside."""
    quiet: bool = False
    """No noise."""


def test_a_model_becomes_a_typed_dict_after_those_that_it_names() -> None:
    text = module((Outer,))
    assert text.endswith('''
class InnerArgs(TypedDict):
    """What is inside."""

    side: InnerSide
    """Which side."""
    free: NotRequired[dict[str, Any]]
    """Anything."""


class OuterArgs(TypedDict):
    """What is outside."""

    colour: NotRequired[ColourArg]
    """A colour. Default: red."""
    inner: NotRequired[list[InnerArgs]]
    """What is inside."""
    quiet: NotRequired[bool]
    """No noise."""
''')


def test_a_choice_is_offered_in_every_spelling_and_published_as_what_pulumi_can_read() -> None:
    text = module((Outer,))
    assert 'ColourArg: TypeAlias = Colour | Literal["red", "blue"]' in text
    assert 'InnerSide: TypeAlias = Literal["left", "right"]' in text
    assert text.partition("else:\n")[2].startswith("    ColourArg = Colour\n    InnerSide = str\n")


def test_a_field_without_a_docstring_is_refused() -> None:
    class Silent(Model):
        """Says nothing of its field."""

        field: str

    with pytest.raises(ValueError, match=r"Silent\.field has no docstring"):
        module((Silent,))
