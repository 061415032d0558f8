import socket

import pytest

from fleet.clusters import addresses
from fleet.clusters.addresses import PORT_RANGE, Addresses
from fleet.layout import Layout


def test_a_chosen_port_and_index_stay_the_same_in_the_next_run(layout: Layout) -> None:
    first = Addresses(layout.addresses_file)
    chosen = (first.port("etcd"), first.port("webhook"), first.index("host"))

    second = Addresses(layout.addresses_file)

    assert (second.port("etcd"), second.port("webhook"), second.index("host")) == chosen


def test_ports_are_free_distinct_and_out_of_the_kernel_s_way(layout: Layout) -> None:
    chosen = Addresses(layout.addresses_file)

    ports = [chosen.port(f"process{number}") for number in range(30)]

    assert len(set(ports)) == 30
    assert all(port in PORT_RANGE for port in ports)
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_address_indexes_are_distinct_and_nobody_listens_in_their_networks(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "INDEX_RANGE", range(251, 254))
    chosen = Addresses(layout.addresses_file)
    with socket.socket() as stranger:
        stranger.bind(("127.252.3.1", 0))
        stranger.listen()

        assert {chosen.index("member1"), chosen.index("member2")} == {251, 253}
        with pytest.raises(OSError, match="no network"):
            chosen.index("member3")
