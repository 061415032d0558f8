from __future__ import annotations

import pytest

from kube.kinds import CLUSTER, CONFIG_MAP, DEPLOYMENT, POD, ObjectKey


def test_paths_follow_the_api_conventions() -> None:
    assert CONFIG_MAP.path() == "/api/v1/configmaps"
    assert CONFIG_MAP.path("a") == "/api/v1/namespaces/a/configmaps"
    assert POD.path("a", "b", "binding") == "/api/v1/namespaces/a/pods/b/binding"
    assert DEPLOYMENT.path("a", "b", "status") == "/apis/apps/v1/namespaces/a/deployments/b/status"
    assert CLUSTER.path(None, "m1") == "/apis/cluster.karmada.io/v1alpha1/clusters/m1"


def test_a_cluster_scoped_path_ignores_the_empty_namespace_of_a_key() -> None:
    assert CLUSTER.path(*ObjectKey("", "m1")) == CLUSTER.path(None, "m1")


def test_a_name_without_the_namespace_it_is_in_is_refused() -> None:
    with pytest.raises(ValueError, match="ConfigMap a: a namespaced kind needs a namespace"):
        CONFIG_MAP.path(None, "a")


def test_a_name_cannot_break_out_of_its_path() -> None:
    assert CONFIG_MAP.path("a", "../secrets") == "/api/v1/namespaces/a/configmaps/..%2Fsecrets"


def test_api_version_joins_group_and_version() -> None:
    assert (POD.api_version, DEPLOYMENT.api_version) == ("v1", "apps/v1")


def test_keys_read_as_people_write_them() -> None:
    assert str(ObjectKey.of({"metadata": {"namespace": "a", "name": "b"}})) == "a/b"
    assert str(ObjectKey.of({"metadata": {"name": "b"}})) == "b"
