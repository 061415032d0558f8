"""Pulumi's Kubernetes provider on a real API server: fields and objects that are also others'. It never forces."""

from __future__ import annotations

import json

from tests.support.apiserver import ApiServer
from tests.support.pulumi_project import (
    DECLARED,
    Project,
)


def managers(project: Project, path: str) -> set[tuple[str, str]]:
    return {(one["manager"], one["operation"]) for one in project.kube.get(path)["metadata"]["managedFields"]}


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


def test_what_another_manager_added_is_left_alone_and_ours_has_the_declared_manager(project: Project) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    assert managers(project, path) == {("mcpfed-iac", "Apply")}
    project.kube.patch(path, {"spec": {"b": 2}})

    project.succeed("up", "--yes", "--refresh", "--skip-preview", "--expect-no-changes")
    project.variables["GIVEN"] = json.dumps({"label": "2"})
    project.succeed("up", "--yes")
    live = project.kube.get(path)
    assert (live["spec"], live["metadata"]["labels"]) == ({"a": 1, "b": 2}, {"label": "2"})
    assert managers(project, path) == {("mcpfed-iac", "Apply"), ("other", "Update")}


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


def test_a_kubectl_edit_is_reverted_by_the_next_change(project: Project) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    project.kube.patch(path, {"spec": {"a": 99, "b": 2}}, manager="kubectl-edit")
    project.variables["GIVEN"] = json.dumps({"label": "2"})
    project.succeed("up", "--yes", "--skip-preview")
    assert project.kube.get(path)["spec"] == {"a": 1}
    assert managers(project, path) == {("mcpfed-iac", "Apply")}


def test_an_existing_object_keeps_its_values_and_a_patch_gives_back_only_its_own_fields(project: Project) -> None:
    path = f"{project.things}/shared"
    value = {"apiVersion": "test.example/v1", "kind": "Thing", "metadata": {"name": "shared"}, "spec": {"a": 1}}
    project.kube.create(project.things, value)
    project.program("thing('shared', {'a': 2})")
    refused = project.up()
    assert refused.code != 0
    assert "conflict" in refused.output
    assert project.kube.get(path)["spec"] == {"a": 1}

    project.program("thing('shared', {'b': 2}, cls=k8s.apiextensions.CustomResourcePatch)")
    project.succeed("up", "--yes", "--skip-preview")
    assert project.kube.get(path)["spec"] == {"a": 1, "b": 2}
    project.succeed("destroy", "--yes", "--skip-preview")
    assert project.kube.get(path)["spec"] == {"a": 1}


def test_a_field_that_the_program_ignores_stays_as_another_manager_changed_it(project: Project) -> None:
    project.program(DECLARED)
    project.succeed("up", "--yes", "--skip-preview")
    path = f"{project.things}/drifting"
    project.kube.patch(path, {"spec": {"a": 99}})
    project.variables["GIVEN"] = json.dumps({"label": "2", "ignored": ["spec.a"]})
    project.succeed("up", "--yes", "--skip-preview")
    live = project.kube.get(path)
    assert (live["spec"], live["metadata"]["labels"]) == ({"a": 99}, {"label": "2"})
