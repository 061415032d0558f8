"""Version vectors: what a revision has taken in, site by site."""

from collections.abc import Mapping

from api.dot import Dot
from core import clock


def includes(vector: Mapping[str, str], dot: Dot) -> bool:
    """Whether the change `dot` has been taken in (decided, whatever the decision)."""
    return dot.hlc <= vector.get(dot.site, clock.ZERO)


def dominates(vector: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether everything in `other` has been taken in by `vector`."""
    return all(hlc <= vector.get(site, clock.ZERO) for site, hlc in other.items())


def join(vector: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """The least vector that dominates both."""
    return {site: max(vector.get(site, clock.ZERO), other.get(site, clock.ZERO)) for site in {*vector, *other}}
