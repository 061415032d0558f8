"""Where a container's volumes go."""

from pathlib import Path

import pytest

from fleet.node.layout import volume_path
from fleet.node.mounts import container_mounts
from fleet.node.objects import UnsupportedError
from fleet.node.sandbox import Mount
from kube.kinds import Object
from tests.unit.fleet.node.pods import a_container, a_pod

VOLUMES: list[Object] = [{"name": "data", "emptyDir": {}}, {"name": "keys", "secret": {"secretName": "s"}}]


def mounts(root: Path, *entries: Object) -> list[Mount]:
    pod = a_pod(volumes=VOLUMES)
    for volume in ("data", "keys"):
        volume_path(root, pod, volume).mkdir(parents=True, exist_ok=True)
    return container_mounts(root, pod, a_container(volumeMounts=list(entries)), {"NAME": "one"})


def test_only_an_empty_directory_can_be_written_and_only_if_the_mount_says_so(tmp_path: Path) -> None:
    found = mounts(
        tmp_path,
        {"name": "data", "mountPath": "/data"},
        {"name": "data", "mountPath": "/frozen", "readOnly": True},
        {"name": "keys", "mountPath": "/keys"},
    )
    assert {mount.target: mount.read_only for mount in found} == {"/data": False, "/frozen": True, "/keys": True}


def test_outer_paths_are_mounted_first(tmp_path: Path) -> None:
    inner = {"name": "keys", "mountPath": "/data/deep/keys"}
    found = mounts(tmp_path, inner, {"name": "data", "mountPath": "/data"})
    assert [mount.target for mount in found] == ["/data", "/data/deep/keys"]


def test_a_sub_path_is_made_in_an_empty_directory(tmp_path: Path) -> None:
    [mount] = mounts(tmp_path, {"name": "data", "mountPath": "/d", "subPathExpr": "of/$(NAME)"})
    assert mount.source == volume_path(tmp_path, a_pod(), "data") / "of/one"
    assert mount.source.is_dir()


def test_a_sub_path_that_leaves_its_volume_or_is_not_there_is_refused(tmp_path: Path) -> None:
    mounts(tmp_path)
    (volume_path(tmp_path, a_pod(), "data") / "out").symlink_to("/etc")
    with pytest.raises(UnsupportedError, match="leads out"):
        mounts(tmp_path, {"name": "data", "mountPath": "/d", "subPath": "out/passwd"})
    with pytest.raises(UnsupportedError, match="does not exist"):
        mounts(tmp_path, {"name": "keys", "mountPath": "/d", "subPath": "none"})
