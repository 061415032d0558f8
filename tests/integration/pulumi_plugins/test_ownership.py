"""The real Pulumi engine with our two plugins: fields and objects that are also others'."""

from __future__ import annotations

import json

from tests.support.apiserver import ApiServer
from tests.support.pulumi_project import (
    DECLARED,
    Project,
)


def test_a_field_that_another_manager_changed_stays_its_own(project: Project) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    project.kube.patch(path, {"spec": {"a": 99, "b": 2}})

    project.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert project.run("preview", "--refresh", "--expect-no-changes").code != 0

    project.variables["GIVEN"] = json.dumps({"label": "2"})
    refused = project.up()
    assert refused.code != 0
    assert 'Apply failed with 1 conflict: conflict with "other"' in refused.output
    assert ".spec.a" in refused.output
    live = project.kube.get(path)
    assert (live["spec"], live["metadata"]["labels"]) == ({"a": 99, "b": 2}, {"label": "1"})
    assert project.up("--refresh").code != 0


def test_what_another_manager_added_is_left_alone_and_updates_have_an_applying_manager(project: Project) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    created = {(one["manager"], one["operation"]) for one in project.kube.get(path)["metadata"]["managedFields"]}
    assert created == {("pulumi-kubernetes", "Update")}
    project.kube.patch(path, {"spec": {"b": 2}})

    project.succeed("up", "--yes", "--refresh", "--skip-preview", "--expect-no-changes")
    project.variables["GIVEN"] = json.dumps({"label": "2"})
    project.succeed("up", "--yes")
    live = project.kube.get(path)
    assert (live["spec"], live["metadata"]["labels"]) == ({"a": 1, "b": 2}, {"label": "2"})
    owners = {one["manager"]: one["operation"] for one in live["metadata"]["managedFields"]}
    assert owners.pop("other") == "Update"
    [(name, operation)] = owners.items()
    assert name.startswith("pulumi-kubernetes-")
    assert operation == "Apply"


def test_a_new_address_of_the_same_cluster_updates_the_provider_only(project: Project, cluster: ApiServer) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    uid = project.kube.get(path)["metadata"]["uid"]

    moved = project.directory / "moved.yaml"
    moved.write_text(cluster.kubeconfig.read_text().replace("127.0.0.1", "localhost"))
    project.variables["CLUSTER"] = str(moved)
    output = project.succeed("up", "--yes", "--skip-preview")
    assert "1 updated" in output
    assert project.kube.get(path)["metadata"]["uid"] == uid

    project.variables["IDENTIFIER"] = "two"
    assert "2 to replace" in project.succeed("preview")
    replaced = project.up()
    assert replaced.code != 0
    assert "already exists" in replaced.output


def test_an_existing_object_is_not_taken_over_and_a_patch_gives_back_only_its_own_fields(project: Project) -> None:
    path = f"{project.things}/shared"
    value = {"apiVersion": "test.example/v1", "kind": "Thing", "metadata": {"name": "shared"}, "spec": {"a": 1}}
    project.kube.create(project.things, value)
    project.program("thing('shared', {'a': 1})")
    refused = project.up()
    assert refused.code != 0
    assert "already exists" in refused.output

    project.program("thing('shared', {'b': 2}, cls=k8s.apiextensions.CustomResourcePatch)")
    project.succeed("up", "--yes", "--skip-preview")
    assert project.kube.get(path)["spec"] == {"a": 1, "b": 2}
    project.succeed("destroy", "--yes", "--skip-preview")
    assert project.kube.get(path)["spec"] == {"a": 1}
