"""Which pods a node takes, and the addresses they get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.addresses import SLOTS, free_slot, pod_address, slot_of
from fleet.node.scheduling import is_pending, obstacle, unschedulable
from tests.unit.fleet.node.pods import a_pod

NOW = "2026-01-01T00:01:00Z"


def test_a_pod_without_a_node_is_pending() -> None:
    assert is_pending(a_pod())
    assert not is_pending(a_pod(nodeName="n"))
    assert not is_pending(a_pod(schedulingGates=[{"name": "wait"}]))
    deleted = a_pod()
    deleted["metadata"]["deletionTimestamp"] = NOW
    assert not is_pending(deleted)


def test_selector_and_number_of_pods_can_stand_in_the_way() -> None:
    assert obstacle(a_pod(nodeSelector={"os": "linux"}), {"os": "linux"}, 1) is None
    assert "node selector" in (obstacle(a_pod(nodeSelector={"os": "windows"}), {"os": "linux"}, 1) or "")
    assert "Too many pods" in (obstacle(a_pod(), {}, 0) or "")


def test_the_obstacle_is_written_once() -> None:
    pod = a_pod()
    patch = unschedulable(pod, "no room", NOW)
    assert patch
    assert unschedulable(pod | patch, "no room", NOW) is None


@given(st.sets(st.sampled_from(SLOTS)), st.sampled_from(SLOTS))
def test_a_slot_is_free_unless_all_are_taken(taken: set[int], last: int) -> None:
    slot = free_slot(taken, last)
    assert (slot is None) == (len(taken) == len(SLOTS))
    assert slot not in taken


def test_slots_go_round() -> None:
    assert free_slot({2}, last=1) == 3
    assert free_slot({1}, last=SLOTS[-1]) == 2


@given(st.integers(1, 250), st.sampled_from(SLOTS))
def test_an_address_names_its_slot(index: int, slot: int) -> None:
    assert slot_of(index, pod_address(index, slot)) == slot
    assert slot_of(index % 250 + 1, pod_address(index, slot)) is None


@pytest.mark.parametrize("address", [None, "", "127.5.0.1", "127.5.251.1", "127.5.1.2", "10.5.1.1", "::1"])
def test_other_addresses_name_no_slot(address: str | None) -> None:
    assert slot_of(5, address) is None
