"""What the engine keeps of an object between runs: the live object, what was declared, and who applies it.

The layout is the official provider's, so that a stack may change from one to the other.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fleet.pulumi_plugins.kubernetes.objects import annotation
from fleet.pulumi_plugins.values import Object, keep_secrets, reveal

CREATOR: Final = "pulumi-kubernetes"
"""The field manager of every create."""

_INPUTS: Final = "__inputs"
_API_VERSION: Final = "__initialApiVersion"
_MANAGER: Final = "__fieldManager"


@dataclass(frozen=True)
class Checkpoint:
    """An object's state, with nothing marked as secret."""

    inputs: Object
    live: Object
    api_version: str
    """The `apiVersion` it was created with, "" in a state that does not say so."""
    manager: str
    """The field manager of its updates, "" in a state that does not say so."""


def read(outputs: Mapping[str, Any]) -> Checkpoint:
    """Read a state that `write` has written; an empty one is a checkpoint of empty objects."""
    plain: Object = reveal(dict(outputs))
    return Checkpoint(
        inputs=plain.pop(_INPUTS, {}),
        api_version=plain.pop(_API_VERSION, ""),
        manager=plain.pop(_MANAGER, ""),
        live=plain,
    )


def write(checkpoint: Checkpoint, given: Object) -> Object:
    """Return the state to keep; `given` is the declaration as the engine sent it, with its secrets marked."""
    inputs = keep_secrets(checkpoint.inputs, given)
    return keep_secrets(checkpoint.live, given) | {
        _INPUTS: inputs,
        _API_VERSION: checkpoint.api_version or str(checkpoint.inputs.get("apiVersion", "")),
        _MANAGER: checkpoint.manager,
    }


def manager_of(inputs: Object, known: str) -> str:
    """Return the field manager of updates: the annotated one, else the known one, else a new name."""
    return annotation(inputs, "patchFieldManager") or known or f"{CREATOR}-{secrets.token_hex(4)}"
