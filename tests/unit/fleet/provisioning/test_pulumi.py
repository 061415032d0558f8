"""The stack's configuration, and the environment of Pulumi's runs."""

from pathlib import Path

import pytest

from fleet.layout import Layout
from fleet.provisioning.plugins import PLUGINS_VARIABLE
from fleet.provisioning.pulumi import Pulumi, prepare, stack_config
from fleet.state import ClusterEntry, FleetState, Role
from fleet.toolchain.catalogue import PROVISIONING_TOOLS


def prepared(root: Path) -> Pulumi:
    layout = Layout(root)
    layout.log("pulumi").parent.mkdir(parents=True)
    return prepare(layout, {name: root / "tools" / name for name in PROVISIONING_TOOLS})


def test_the_stack_gets_a_kubeconfig_of_every_cluster() -> None:
    roles: dict[str, Role] = {
        "host": "host",
        "control-plane": "control-plane",
        "member2": "member",
        "member1": "member",
    }
    clusters = {name: ClusterEntry(role=role, kubeconfig=f"/k/{name}", server="") for name, role in roles.items()}
    config = stack_config(Layout(Path("/fleet")), FleetState(clusters=clusters))
    fleet = config["mcp-federation:fleet"]
    assert fleet["host"] == {"kubeconfig": "/k/host"}
    assert fleet["controlPlane"] == {"kubeconfig": "/k/control-plane"}
    assert list(fleet["members"].items()) == [(name, {"kubeconfig": f"/k/{name}"}) for name in ("member1", "member2")]


def test_a_run_uses_nothing_of_the_users_pulumi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "the user's")
    environment = prepared(tmp_path).environment
    assert "PULUMI_ACCESS_TOKEN" not in environment
    assert environment["PULUMI_HOME"] == str(tmp_path / "pulumi/home")
    assert environment["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/pulumi/state"


@pytest.mark.parametrize(("plugins", "disabled"), [("", "true"), ("download", "false")])
def test_pulumi_fetches_plugins_only_where_it_is_let(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plugins: str, disabled: str
) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, plugins)
    assert prepared(tmp_path).environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == disabled
