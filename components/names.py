"""Names of objects: what the API server, or a label, would refuse later is refused where it is written."""

import re
from typing import Final

_DNS_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def check_name(kind: str, name: str) -> None:
    """Refuse a name that cannot be one for an object and the labels and Service that carry it.

    Raises:
        ValueError: says of what kind the name is, and what it may consist of.
    """
    if not _DNS_LABEL.fullmatch(name):
        raise ValueError(
            f"{kind} {name!r}: a name has at most 63 of a-z, 0-9 and -, starts with a letter and does not end with -"
        )
