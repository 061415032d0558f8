from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fleet.clusters import karmada
from fleet.clusters import kubernetes as clusters
from fleet.clusters.karmada import Karmada
from fleet.clusters.kubernetes import ClusterKeys, DeclaredCluster, Etcd, EtcdAccess
from fleet.clusters.pki import KeyPair
from fleet.state import Role

BIN = Path("/bin")
PKI = Path("/fleet/pki")


def pair(name: str) -> KeyPair:
    return KeyPair(PKI / f"{name}.crt", PKI / f"{name}.key")


ACCESS = EtcdAccess("https://127.0.0.1:20001", PKI / "etcd-ca.crt", pair("etcd-client"))
ETCD = Etcd("etcd", Path("/fleet/etcd"), peer_port=20002, health_port=20003, server=pair("etcd"), access=ACCESS)
KARMADA = Karmada(
    kubeconfig=PKI / "karmada.kubeconfig",
    aggregated_port=20030,
    aggregated=pair("aggregated"),
    webhook_port=20031,
    webhook_health_port=20032,
    webhook_certificates=PKI / "webhook",
    controller_manager_health_port=20033,
    scheduler_health_port=20034,
)


def cluster(role: Role) -> DeclaredCluster:
    keys = ClusterKeys(
        authority=pair("ca"),
        front_proxy_authority=pair("front-proxy-ca"),
        front_proxy=pair("front-proxy"),
        server=pair("apiserver"),
        controller_manager=pair("controller-manager"),
        signing=KeyPair(PKI / "sa.pub", PKI / "sa.key"),
    )
    return DeclaredCluster(
        name="member1" if role == "member" else role,
        role=role,
        port=20010,
        controller_manager_port=20011,
        keys=keys,
        etcd=ETCD,
        kubeconfig=Path("/fleet/kubeconfigs/cluster.yaml"),
        controller_manager_kubeconfig=PKI / "controller-manager.kubeconfig",
        address_index=None if role == "control-plane" else 7,
    )


ROLES: tuple[Role, ...] = ("host", "control-plane", "member")


def test_the_command_line_of_etcd(snapshot: SnapshotAssertion) -> None:
    assert clusters.etcd_argv(BIN / "etcd", ETCD) == snapshot


@pytest.mark.parametrize("role", ROLES)
def test_the_command_line_of_an_api_server(role: Role, snapshot: SnapshotAssertion) -> None:
    assert clusters.api_server_argv(BIN / "kube-apiserver", cluster(role)) == snapshot


@pytest.mark.parametrize("role", ROLES)
def test_the_command_line_of_a_controller_manager(role: Role, snapshot: SnapshotAssertion) -> None:
    assert clusters.controller_manager_argv(BIN / "kube-controller-manager", cluster(role)) == snapshot


def test_the_command_lines_of_karmada(snapshot: SnapshotAssertion) -> None:
    assert {
        "aggregated": karmada.aggregated_api_server_argv(BIN / "karmada-aggregated", KARMADA, ACCESS, "/control-plane"),
        "webhook": karmada.webhook_argv(BIN / "karmada-webhook", KARMADA),
        "controllers": karmada.controller_manager_argv(BIN / "karmada-controller-manager", KARMADA),
        "scheduler": karmada.scheduler_argv(BIN / "karmada-scheduler", KARMADA),
    } == snapshot


def test_every_listener_is_on_loopback() -> None:
    lines = [
        clusters.etcd_argv(BIN, ETCD),
        *(clusters.api_server_argv(BIN, cluster(role)) for role in ROLES),
        *(clusters.controller_manager_argv(BIN, cluster(role)) for role in ROLES),
        karmada.aggregated_api_server_argv(BIN, KARMADA, ACCESS, "/x"),
        karmada.webhook_argv(BIN, KARMADA),
    ]

    for line in lines:
        assert any(
            flag.startswith(("--bind-address=127.0.0.1", "--listen-client-urls=https://127.0.0.1")) for flag in line
        )
    assert not [flag for line in lines for flag in line if "0.0.0.0" in flag]


def test_only_the_control_plane_signs_certificates_and_only_the_others_run_workloads() -> None:
    assert "certificatesigningrequest-signing-controller" in clusters.CONTROL_PLANE_CONTROLLERS
    assert "certificatesigningrequest-signing-controller" not in clusters.WORKLOAD_CONTROLLERS
    assert "deployment-controller" in clusters.WORKLOAD_CONTROLLERS
    assert "deployment-controller" not in clusters.CONTROL_PLANE_CONTROLLERS
