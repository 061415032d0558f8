"""The provider's configuration, and what a change of it means."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet.pulumi_plugins.kubernetes.connection import locate
from fleet.pulumi_plugins.kubernetes.settings import ConfigChange, Settings, compare, read
from fleet.pulumi_plugins.values import UNKNOWN, Secret
from kube.errors import ConfigurationError


def kubeconfig(server: str = "http://127.0.0.1:1", context: str = "main", **user: Any) -> str:
    return json.dumps(
        {
            "current-context": context,
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": "me", "namespace": f"{name}-space"}}
                for name in ("main", "other")
            ],
            "clusters": [
                {"name": "main", "cluster": {"server": server}},
                {"name": "other", "cluster": {"server": "http://127.0.0.1:2"}},
            ],
            "users": [{"name": "me", "user": user}],
        }
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"kubeconfig": kubeconfig()}, {"kubeconfig": kubeconfig()}, ConfigChange((), ())),
        ({"kubeconfig": kubeconfig()}, {"kubeconfig": Secret(kubeconfig())}, ConfigChange((), ())),
        ({"version": "1"}, {"version": "2"}, ConfigChange((), ())),
        ({"kubeconfig": kubeconfig()}, {"kubeconfig": kubeconfig(token="t")}, ConfigChange(("kubeconfig",), ())),
        (
            {"kubeconfig": kubeconfig()},
            {"kubeconfig": kubeconfig("http://127.0.0.1:9")},
            ConfigChange(("kubeconfig",), ("kubeconfig",)),
        ),
        (
            {"kubeconfig": kubeconfig(), "context": "main"},
            {"kubeconfig": kubeconfig(), "context": "other"},
            ConfigChange(("context",), ("context",)),
        ),
        (
            {"kubeconfig": kubeconfig(), "clusterIdentifier": "a"},
            {"kubeconfig": kubeconfig("http://127.0.0.1:9"), "clusterIdentifier": "a"},
            ConfigChange(("kubeconfig",), ()),
        ),
        (
            {"kubeconfig": kubeconfig(), "clusterIdentifier": "a"},
            {"kubeconfig": kubeconfig(), "clusterIdentifier": "b"},
            ConfigChange(("clusterIdentifier",), ("clusterIdentifier",)),
        ),
        ({"kubeconfig": kubeconfig()}, {"kubeconfig": UNKNOWN}, ConfigChange(("kubeconfig",), ("kubeconfig",))),
        (
            {"kubeconfig": kubeconfig(), "clusterIdentifier": "a"},
            {"kubeconfig": UNKNOWN, "clusterIdentifier": "a"},
            ConfigChange(("kubeconfig",), ()),
        ),
    ],
)
def test_only_another_cluster_replaces_the_provider(old: dict[str, Any], new: dict[str, Any], expected: object) -> None:
    assert compare(old, new) == expected


def test_the_configuration_comes_before_the_environment() -> None:
    environment = {"PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE": "true", "PULUMI_K8S_ENABLE_SECRET_MUTABLE": "true"}
    settings = read({"enableSecretMutable": "false", "context": Secret("c"), "namespace": "n"}, environment)
    assert settings == Settings(context="c", namespace="n", mutable=frozenset({"ConfigMap"}))


@pytest.mark.parametrize("option", [{"renderYamlToDirectory": "x"}, {"enableServerSideApply": "false"}])
def test_what_the_stand_in_cannot_do_is_refused_by_name(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        read(option, {})


def test_a_kubeconfig_is_given_as_contents_or_as_a_path_or_found_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(kubeconfig(token="word"))
    targets = [
        locate(Settings(kubeconfig=file.read_text()), {}),
        locate(Settings(kubeconfig=str(file)), {}),
        locate(Settings(), {"KUBECONFIG": str(file)}),
    ]
    assert targets == [targets[0]] * 3
    assert (targets[0].host, targets[0].port, targets[0].namespace) == ("127.0.0.1", 1, "main-space")
    assert targets[0].headers == {"Authorization": "Bearer word"}


def test_another_context_and_namespace_can_be_chosen() -> None:
    target = locate(Settings(kubeconfig=kubeconfig(), context="other", namespace="mine"), {})
    assert (target.port, target.namespace) == (2, "mine")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/no/such/file", "neither a file"),
        ("a: [\n", "not valid YAML"),
        ("- a\n- b\n", "not a mapping"),
        (kubeconfig(context="missing"), "no cluster with a server"),
        (kubeconfig(exec={"command": "login"}), "uses exec"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_refused_without_showing_it(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        locate(Settings(kubeconfig=text), {})
