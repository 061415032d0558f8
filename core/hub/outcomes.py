"""outcomes: what became of each site's changes, for whoever looks for an edit."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from api.context_replica import ItemOutcome, Outcome
from api.context_revision import ContextRevisionSpec
from api.federated_context import Direction

OUTCOMES_LIMIT: Final = 20
"""So many are reported; of more, the latest."""

_DIRECTIONS = frozenset(map(str, Direction))


def outcomes(
    reported: Sequence[ItemOutcome], history: Sequence[ContextRevisionSpec], sites: Collection[str]
) -> list[ItemOutcome]:
    """The last outcomes, oldest first. At most one for each site, item and revision.

    Args:
        reported: those of earlier revisions, in the replica's status; they stay when their revisions are gone.
        history: retained revisions, oldest first.
        sites: whose changes to report.
    """
    newest = max((outcome.version for outcome in reported), default=0)
    kept = [outcome for outcome in reported if outcome.dot.site in sites]
    new = [found for revision in history if revision.version > newest for found in _of(revision, sites)]
    return [*kept, *new][-OUTCOMES_LIMIT:]


def _of(revision: ContextRevisionSpec, sites: Collection[str]) -> Iterator[ItemOutcome]:
    held = {item.name: item for item in revision.items}
    for cause in revision.cause:
        if cause.site not in sites:
            continue
        for name in cause.items:
            if name in held and held[name].dot.site == cause.site:
                dot, outcome = held[name].dot, Outcome.ACCEPTED
            elif lost := [r for r in revision.conflicts if r.item == name and r.lost.dot.site == cause.site]:
                record = max(lost, key=lambda record: record.lost.dot.order)
                dot, outcome = record.lost.dot, _lost(record.policy, merged=record.merged)
            else:
                continue  # another change with the same content was kept, or a later one had seen it
            yield ItemOutcome(item=name, dot=dot, outcome=outcome, version=revision.version)


def _lost(policy: str, *, merged: bool) -> Outcome:
    if merged:
        return Outcome.MERGED
    return Outcome.REJECTED if policy in _DIRECTIONS else Outcome.CONFLICT
