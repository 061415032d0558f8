import json
from pathlib import Path

import pytest

from fleet.clusters import command_lines
from fleet.clusters.declaration import OlderFleet, declare, member_count, member_names
from fleet.layout import Layout
from fleet.processes.supervisor import Process

TOOLS = {
    name: Path("/bin") / name
    for name in (
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "karmada-aggregated-apiserver",
        "karmada-webhook",
        "karmada-controller-manager",
        "karmada-scheduler",
    )
}


def all_processes(layout: Layout, members: int) -> dict[str, Process]:
    fleet = declare(layout, members)
    listed = [
        *(command_lines.etcd_process(TOOLS, etcd) for etcd in fleet.etcds),
        *(command_lines.api_server(TOOLS, cluster) for cluster in fleet.clusters),
        *(command_lines.controller_manager(TOOLS, cluster) for cluster in fleet.clusters),
        *command_lines.karmada_servers(TOOLS, fleet),
        *command_lines.karmada_controllers(TOOLS, fleet),
        *(
            command_lines.node(cluster, layout.node(cluster.name))
            for cluster in fleet.clusters
            if cluster.address_index
        ),
        command_lines.publisher(layout, fleet),
        command_lines.keeper(layout),
    ]
    return {process.name: process for process in listed}


def test_a_fleet_has_a_host_a_control_plane_and_members(layout: Layout) -> None:
    fleet = declare(layout, 2)

    assert [(c.name, c.role) for c in fleet.clusters] == [
        ("host", "host"),
        ("control-plane", "control-plane"),
        ("member1", "member"),
        ("member2", "member"),
    ]
    assert fleet.control_plane.address_index is None
    assert all(cluster.kubeconfig.exists() for cluster in fleet.clusters)
    assert len({cluster.server for cluster in fleet.clusters}) == 4


def test_a_second_start_runs_the_very_same_processes(layout: Layout) -> None:
    first = {name: process.digest for name, process in all_processes(layout, 2).items()}
    second = {name: process.digest for name, process in all_processes(layout, 2).items()}

    assert first == second
    assert len(first) == 19


def test_another_member_leaves_all_other_processes_as_they_are(layout: Layout) -> None:
    two = {name: process.digest for name, process in all_processes(layout, 2).items()}
    three = {name: process.digest for name, process in all_processes(layout, 3).items()}

    changed = dict(three.items() - two.items())
    assert changed.keys() == {"member3-apiserver", "member3-controller-manager", "member3-node", "publisher"}


def test_the_control_plane_has_an_etcd_of_its_own(layout: Layout) -> None:
    processes = all_processes(layout, 2)
    stores = {
        name: flag
        for name, process in processes.items()
        for flag in process.argv
        if flag.startswith(("--etcd-servers=", "--etcd-cafile="))
    }

    own = {"control-plane-apiserver", "karmada-aggregated-apiserver"}
    shared = {"host-apiserver", "member1-apiserver", "member2-apiserver"}
    assert stores.keys() == own | shared
    assert len({stores[name] for name in own}) == len({stores[name] for name in shared}) == 1
    assert {stores[name] for name in own}.isdisjoint(stores[name] for name in shared)
    data = [flag for name in ("etcd", "control-plane-etcd") for flag in processes[name].argv if "data-dir" in flag]
    assert data == [f"--data-dir={layout.root}/etcd", f"--data-dir={layout.root}/control-plane-etcd"]


def test_a_directory_of_a_fleet_with_one_etcd_for_all_is_refused_with_advice(layout: Layout) -> None:
    layout.root.mkdir()
    layout.addresses_file.write_text(json.dumps({"port/etcd-peer": 20000, "port/etcd": 20001}))

    with pytest.raises(OlderFleet, match=r"one etcd: `clean` it, then `up`"):
        declare(layout, 1)


def test_the_process_node_gets_its_cluster_kubeconfig_addresses_and_directory(layout: Layout) -> None:
    member = declare(layout, 1).clusters[2]

    argv = command_lines.node(member, layout.node("member1")).argv

    assert argv[1:] == (
        "-m",
        "fleet.node",
        "--cluster=member1",
        f"--kubeconfig={layout.kubeconfig('member1')}",
        f"--address-index={member.address_index}",
        f"--root={layout.root}/nodes/member1",
    )


def test_pods_end_before_the_controllers_and_the_store_ends_last(layout: Layout) -> None:
    processes = all_processes(layout, 1)

    order = ["keeper", "member1-node", "karmada-controller-manager", "control-plane-apiserver", "control-plane-etcd"]
    stages = [processes[name].stage for name in order]
    assert stages == sorted(set(stages), reverse=True)


@pytest.mark.parametrize("count", [1, 2, 11])
def test_members_are_counted_by_their_names(count: int) -> None:
    assert member_count(("host", "control-plane", *member_names(count))) == count
    assert member_count(("host", "control-plane")) == 0
