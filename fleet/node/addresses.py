"""Loopback addresses of pods: 127.<cluster's index>.<slot>.1, no two live pods with the same one. Pure."""

from collections.abc import Collection
from ipaddress import AddressValueError, IPv4Address

SLOTS = range(1, 251)
"""Pods that one node can run at a time."""


def pod_address(index: int, slot: int) -> str:
    """Address of the pod in a slot of the cluster with this address index."""
    return f"127.{index}.{slot}.1"


def slot_of(index: int, address: str | None) -> int | None:
    """Slot of an address that this cluster may have given, None for any other."""
    try:
        first, second, third, last = IPv4Address(address or "").packed
    except AddressValueError:
        return None
    return third if (first, second, last) == (127, index, 1) and third in SLOTS else None


def free_slot(taken: Collection[int], last: int) -> int | None:
    """The next free slot after the one given last, None if all are taken.

    Going round keeps an address unused for as long as possible after its pod's end.
    """
    order = (*(slot for slot in SLOTS if slot > last), *(slot for slot in SLOTS if slot <= last))
    return next((slot for slot in order if slot not in taken), None)
