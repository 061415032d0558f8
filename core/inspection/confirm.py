"""Confirmation: a person confirms that what halted a site is meant, once, for exactly what that person saw."""

from collections.abc import Iterable
from typing import Final

from api.condition import HALTED
from api.context_replica import SiteState
from core.values import canonical

CONFIRM_ANNOTATION: Final = "mcpfed.io/confirm"
"""On a ContextReplica, set on the control plane and copied to the pods' replicas: a `token` for each halted site."""

_TOKEN_DIGITS: Final = 16


def is_confirmable(state: SiteState) -> bool:
    """Whether a site has halted, and it is known what it would publish."""
    return state.digest is not None and any(problem.reason == HALTED for problem in state.problems)


def token(state: SiteState) -> str:
    """Identifies what a site would publish, and on top of which revision; void once that is decided."""
    digest = canonical.digest([state.site, state.base_digest or "", state.digest or ""])
    return digest.removeprefix("sha256:")[:_TOKEN_DIGITS]


def confirmation(states: Iterable[SiteState]) -> str:
    """The annotation's value that confirms every site that has halted; empty if none has."""
    return " ".join(sorted(token(state) for state in states if is_confirmable(state)))


def confirms(annotation: str, state: SiteState) -> bool:
    """Whether an annotation confirms what a site would publish now."""
    return token(state) in annotation.split()
