"""Version vectors: what a revision has taken in, site by site.

A site that is gone for good need not be named for ever: the entry of `RETIRED` stands for all sites without an entry of
their own. It counts when revisions are compared. It does not decide on a proposal: a site that was never seen before
may have old changes that nobody has seen.
"""

from collections.abc import Mapping
from typing import Final

from api.dot import Dot
from core.values import clock

RETIRED: Final = "*"
"""Instead of a site: the latest change of all sites that are no longer named."""


def includes(vector: Mapping[str, str], dot: Dot) -> bool:
    """Whether the change `dot`, of a site that may still propose it, has been taken in (whatever the decision)."""
    return dot.hlc <= vector.get(dot.site, clock.ZERO)


def covers(vector: Mapping[str, str], dot: Dot) -> bool:
    """Whether the change `dot`, which some revision has taken in, is among what the vector accounts for."""
    return dot.hlc <= _entry(vector, dot.site)


def dominates(vector: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether everything in `other` has been taken in by `vector`."""
    return all(hlc <= _entry(vector, site) for site, hlc in other.items())


def least_upper_bound(vector: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """The least vector that dominates both."""
    return {site: max(vector.get(site, clock.ZERO), other.get(site, clock.ZERO)) for site in {*vector, *other}}


def _entry(vector: Mapping[str, str], site: str) -> str:
    return vector.get(site, vector.get(RETIRED, clock.ZERO))
